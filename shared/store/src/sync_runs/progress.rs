//! How far a run has come. An estimate: the age of the oldest object is unknown until it is seen.

use jiff::{SignedDuration, Timestamp};
use penstock_domain::paging::History;
use penstock_domain::source::{self, Source};

use super::read::RunRecord;

/// The progress of a full run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The part that is done, in thousandths; `None` if there is no estimate.
    pub done: Option<u32>,
    /// Everything since this time is done; `None` if the run does not go back in time.
    pub reached: Option<Timestamp>,
    /// When it will end at its present speed; `None` if there is no estimate, or it has stopped.
    pub estimated_end: Option<Timestamp>,
}

/// Returns the part of a run that is done, in thousandths. The estimate is by the age of the
/// objects done, or else by the rows of the last full run. By rows it stays below 1,000, because
/// there may be more rows this time.
#[must_use]
pub fn thousandths(run: &RunRecord) -> Option<u32> {
    let stand = run.stand?;
    let by_rows = || {
        let before = stand.rows_before.filter(|rows| *rows > 0)?;
        u32::try_from(run.rows_seen.saturating_mul(1_000) / before).ok().map(|done| done.min(999))
    };
    let by_age = goes_back_in_time(run).then_some(stand.history).and_then(History::behind);
    by_age.or_else(by_rows)
}

fn goes_back_in_time(run: &RunRecord) -> bool {
    source::find(&run.vendor).is_some_and(Source::goes_back_in_time)
}

/// Returns the progress of a full run; `None` for other runs, and for those that have ended.
#[must_use]
pub fn of(run: &RunRecord) -> Option<Progress> {
    let stand = run.stand.filter(|_| run.mode == "full")?;
    let done = thousandths(run);
    let end = |done: u32| {
        let spent = run.updated_at.as_millisecond() - run.started_at.as_millisecond();
        let left = spent.checked_mul(i64::from(1_000 - done))? / i64::from(done);
        run.updated_at.checked_add(SignedDuration::from_millis(left)).ok()
    };
    Some(Progress {
        done,
        reached: goes_back_in_time(run).then_some(stand.open_to.unwrap_or(stand.history.cut_to)),
        estimated_end: done
            .filter(|done| run.status == "running" && (1..=1_000).contains(done))
            .and_then(end),
    })
}
