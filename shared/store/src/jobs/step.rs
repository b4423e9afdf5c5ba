//! One step of a job: a short transaction, and complete in itself. Whoever repeats or abandons one
//! does no harm: an item is put back to work and noted so in one transaction, or neither.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::clock::elapsed;
use penstock_domain::ids::{DeadLetterId, JobId, OutboxId};
use penstock_domain::job::JobKind;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Connection, Row, StoreError, begin, commit};

statements! {
    jobs.at_work: AtWork { limit: i64 }
    jobs.lock: Lock { job: Uuid }
    jobs.note: Note { job: Uuid, now: Timestamp }
    jobs.put_back_to_work: PutBackToWork<'a> {
        job: Uuid,
        kind: &'a str,
        ids: &'a [Uuid],
        now: Timestamp,
    }
    jobs.complete: Complete { job: Uuid, now: Timestamp }
    job_items.settle: Settle { job: Uuid, after: i32, limit: i64 }
    job_items.messages: Messages { job: Uuid, limit: i64 }
    job_items.sent_again: SentAgain<'a> {
        job: Uuid,
        places: &'a [i32],
        letters: &'a [Option<Uuid>],
        reasons: &'a [Option<&'a str>],
        now: Timestamp,
    }
    dead_letters.settle: SettleLetters { after: Uuid, now: Timestamp, limit: i64 }
}

/// A job that is worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AtWorkJob {
    pub id: JobId,
    pub kind: JobKind,
    /// The items that are begun in a second.
    pub rate: i32,
    /// Up to when its rate is used; `None` if it has not begun.
    pub ran_at: Option<Timestamp>,
}

/// A job begins at most as many items at once as it may in this time.
const BURST: Duration = Duration::from_secs(60);

impl AtWorkJob {
    /// Returns the number of items that may be begun now, by the rate. A job that has waited for
    /// long does not make up for it.
    #[must_use]
    pub fn allowance(&self, now: Timestamp) -> usize {
        let waited = self.ran_at.map_or(BURST, |ran_at| elapsed(ran_at, now).min(BURST));
        let items = u128::from(self.rate.unsigned_abs()) * waited.as_millis() / 1_000;
        usize::try_from(items).unwrap_or(usize::MAX)
    }
}

/// Returns the jobs that are worked, those first that have waited longest. A kind that this release
/// does not know is left to the release that does.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn at_work(on: &impl GenericClient, limit: i64) -> Result<Vec<AtWorkJob>, StoreError> {
    let job = |row: &Row| -> Result<Option<AtWorkJob>, StoreError> {
        let (id, rate) = (JobId(row.read("id")?), row.read("rate")?);
        let ran_at = row.read("ran_at")?;
        let kind = JobKind::parse(row.read("kind")?);
        Ok(kind.map(|kind| AtWorkJob { id, kind, rate, ran_at }))
    };
    let rows = AtWork { limit }.rows(on).await?;
    rows.iter().filter_map(|row| job(row).transpose()).collect()
}

/// Works up to `items` items of a job that runs, and returns the row of each that needs a ticket;
/// `None` of one that is skipped. Fewer do not mean that none are left: some may be held.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails. Nothing has changed then.
pub async fn put_back_to_work(
    on: &mut Connection,
    job: &AtWorkJob,
    items: usize,
    now: Timestamp,
) -> Result<Vec<Option<OutboxId>>, StoreError> {
    let tx = begin(on).await?;
    if (Lock { job: job.id.0 }).optional(&tx).await?.is_none() {
        return Ok(Vec::new());
    }
    // For rows that are gone from the outbox.
    let ids: Vec<Uuid> = (0..items).map(|_| OutboxId::new(now).0).collect();
    let put = PutBackToWork { job: job.id.0, kind: job.kind.as_str(), ids: &ids, now };
    let rows = put.rows(&tx).await?;
    let id = |row: &Row| Ok(row.read::<Option<_>>("id")?.map(OutboxId));
    let rows = rows.iter().map(id).collect::<Result<_, StoreError>>()?;
    commit(tx).await?;
    Ok(rows)
}

/// Notes up to when the job's rate is used.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn note(on: &impl GenericClient, id: JobId, now: Timestamp) -> Result<(), StoreError> {
    Note { job: id.0, now }.execute(on).await.map(drop)
}

/// The letter of a message that is to be sent again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// The item's place in the job.
    pub place: i32,
    /// The letter; `None` if it is gone.
    pub letter: Option<DeadLetterId>,
    /// The message's body.
    pub body: Vec<u8>,
}

/// Returns the next messages that a job sends again, at most `limit`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn messages(
    on: &impl GenericClient,
    id: JobId,
    limit: i64,
) -> Result<Vec<Message>, StoreError> {
    let message = |row: &Row| {
        let letter = row.read::<Option<_>>("id")?.map(DeadLetterId);
        let body = row.read::<Option<_>>("payload")?.unwrap_or_default();
        Ok(Message { place: row.read("place")?, letter, body })
    };
    Messages { job: id.0, limit }.rows(on).await?.iter().map(message).collect()
}

/// Notes which messages were sent again, and of each other one why it was not.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn sent_again(
    on: &impl GenericClient,
    id: JobId,
    outcomes: &[(&Message, Option<&'static str>)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let places: Vec<i32> = outcomes.iter().map(|(message, _)| message.place).collect();
    let letters: Vec<Option<Uuid>> =
        outcomes.iter().map(|(message, _)| message.letter.map(|id| id.0)).collect();
    let reasons: Vec<Option<&str>> = outcomes.iter().map(|(_, reason)| *reason).collect();
    let note = SentAgain { job: id.0, places: &places, letters: &letters, reasons: &reasons, now };
    note.execute(on).await.map(drop)
}

/// Notes what has become of the rows that were put back to work, of the next `limit` behind
/// `after`. Returns the last place that was looked at, if there may be more.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn settle(
    on: &impl GenericClient,
    id: JobId,
    after: i32,
    limit: i64,
) -> Result<Option<i32>, StoreError> {
    let row = Settle { job: id.0, after, limit }.one(on).await?;
    let (last, looked_at): (Option<i32>, i64) = (row.read("last")?, row.read("looked_at")?);
    Ok(last.filter(|_| looked_at >= limit))
}

/// Ends a job of which nothing is left to do. Returns whether it has ended by this call.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn complete(
    on: &impl GenericClient,
    id: JobId,
    now: Timestamp,
) -> Result<bool, StoreError> {
    Ok(Complete { job: id.0, now }.optional(on).await?.is_some())
}

/// Settles up to `limit` letters behind `after` whose rows were replayed and are processed. Returns
/// the last of them, if there may be more.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn settle_letters(
    on: &impl GenericClient,
    after: Option<DeadLetterId>,
    now: Timestamp,
    limit: i64,
) -> Result<Option<DeadLetterId>, StoreError> {
    let after = after.map_or(Uuid::nil(), |letter| letter.0);
    let settled = SettleLetters { after, now, limit }.rows(on).await?;
    let ids = settled.iter().map(|row| row.read("id").map(DeadLetterId));
    let ids = ids.collect::<Result<Vec<_>, _>>()?;
    let is_full = i64::try_from(ids.len()).unwrap_or(i64::MAX) >= limit;
    Ok(ids.into_iter().max().filter(|_| is_full))
}
