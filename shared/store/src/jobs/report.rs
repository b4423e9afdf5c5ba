//! The report of a job: its items by what has become of them.

use penstock_domain::ids::JobId;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    job_items.report: Outcomes { job: Uuid, limit: i64 }
}

/// No more outcomes are told apart.
const MOST_OUTCOMES: i64 = 200;

/// The items of a job by what has become of them.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Report {
    /// Not begun yet.
    pub waiting: i64,
    /// Put back to work, and not processed yet.
    pub under_way: i64,
    /// Processed.
    pub processed: i64,
    /// Dead again.
    pub dead: i64,
    /// Left alone, because nothing was to be done any more.
    pub skipped: i64,
    /// Why items are dead again or were skipped, the most frequent reasons first.
    pub reasons: Vec<Reason>,
}

/// Items that ended for one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// `dead` or `skipped`.
    pub outcome: String,
    pub reason: String,
    pub count: i64,
}

impl Report {
    fn count(&mut self, row: &Row) -> Result<(), StoreError> {
        let (outcome, count): (String, i64) = (row.read("state")?, row.read("count")?);
        *match outcome.as_str() {
            "waiting" => &mut self.waiting,
            "sent" => &mut self.under_way,
            "done" => &mut self.processed,
            "dead" => &mut self.dead,
            _ => &mut self.skipped,
        } += count;
        if let Some(reason) = row.read("reason")? {
            self.reasons.push(Reason { outcome, reason, count });
        }
        Ok(())
    }
}

/// Returns a job's items by outcome.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn report(on: &impl GenericClient, id: JobId) -> Result<Report, StoreError> {
    let mut report = Report::default();
    for row in (Outcomes { job: id.0, limit: MOST_OUTCOMES }).rows(on).await? {
        report.count(&row)?;
    }
    report.reasons.sort_by_key(|reason| std::cmp::Reverse(reason.count));
    Ok(report)
}
