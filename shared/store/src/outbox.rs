//! The `outbox` table: what entered, one row a version of an object.

pub(crate) mod insert;
pub mod leaves;

pub use insert::{Arrival, insert};

use jiff::Timestamp;
use penstock_domain::disposition::{
    MAX_ATTEMPTS, MAX_ATTEMPTS_OF_ALL, MAX_CRASHES, MAX_CRASHES_OF_ALL, NOT_ENDED, Reason,
};
use penstock_domain::ids::{DeadLetterId, OutboxId, RunId, oldest_id_at};
use penstock_domain::record::{Media, RowView};
use penstock_domain::source::OwnAccount;
use tokio_postgres::{GenericClient, Transaction};
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    outbox.claim: Claim<'a> { ids: &'a [Uuid], first: Uuid, last: Uuid, now: Timestamp }
    outbox.bury: Bury<'a> {
        letter_ids: &'a [Uuid],
        ids: &'a [Uuid],
        errors: &'a [String],
        error_kinds: &'a [&'a str],
        error_fields: &'a [Option<&'a str>],
        now: Timestamp,
    }
    outbox.due: Due { now: Timestamp, next_due: Timestamp, limit: i64 }
    outbox.purge: Purge { before: Uuid, archived: i64, limit: i64 }
    outbox.purge_source: PurgeSource<'a> {
        source: &'a str,
        before: Uuid,
        archived: i64,
        limit: i64,
    }
    outbox.begin_attempt: BeginAttempt<'a> { ids: &'a [Uuid], now: Timestamp, error: &'a str }
    outbox.return_attempt: ReturnAttempt<'a> { ids: &'a [Uuid] }
    outbox.count_crash: CountCrash { id: Uuid }
    outbox.pending: Pending<'a> { ids: &'a [Uuid] }
    outbox.heads: Heads<'a> { ids: &'a [Uuid] }
    outbox.oldest_pending: OldestPending {}
    outbox.note_blocked: NoteBlocked<'a> { ids: &'a [Uuid], error: &'a str, now: Timestamp }
    outbox.hold: Hold<'a> { ids: &'a [Uuid], reasons: &'a [&'a str], now: Timestamp }
    outbox.release: Release<'a> { source: &'a str, now: Timestamp }
    outbox.gone_since: GoneSince<'a> {
        source: &'a str,
        entity: &'a str,
        external_id: &'a str,
    }
}

/// The rows that a transaction has claimed, as they came from Postgres.
#[derive(Debug)]
pub struct ClaimedRows(Vec<Row>);

/// A row that a transaction has claimed; text and payload borrow from [`ClaimedRows`].
#[derive(Debug, Clone, Copy)]
pub struct Claimed<'a> {
    /// The row as the normalizers see it.
    pub row: RowView<'a>,
    /// The query string of the request, if one of our own clients sent it.
    pub query: Option<&'a str>,
    /// The run that fetched the row.
    pub run: Option<RunId>,
    /// The stamp of the row's connection, if that has a row
    /// ([`crate::connections::Family::stamp`]).
    pub stamp: Option<i64>,
    /// When the row arrived.
    pub received_at: Timestamp,
    /// Attempts before this one that did not end, as far as it is known.
    pub attempts: i32,
}

impl ClaimedRows {
    /// Reads the columns of all rows.
    ///
    /// # Errors
    /// Returns [`StoreError::Column`] if a column is missing or has another type.
    pub fn read(&self) -> Result<Vec<Claimed<'_>>, StoreError> {
        self.0.iter().map(Claimed::of).collect()
    }
}

impl<'a> Claimed<'a> {
    fn of(row: &'a Row) -> Result<Self, StoreError> {
        let view = RowView {
            id: OutboxId(row.read("id")?),
            source: row.read("source")?,
            entity: row.read("entity")?,
            external_id: row.read("external_id")?,
            version_at: row.read("version_at")?,
            payload: row.read("payload")?,
            media: Media {
                content_type: row.read("content_type")?,
                content_encoding: row.read("content_encoding")?,
            },
            own: own_account(row)?,
        };
        let run = row.read::<Option<_>>("run_id")?.map(RunId);
        let (received_at, attempts) = (row.read("received_at")?, row.read("attempts")?);
        let (query, stamp) = (row.read("query")?, row.read("stamp")?);
        Ok(Self { row: view, query, run, stamp, received_at, attempts })
    }
}

/// Reads what is known of the account. A currency that this release does not know is not known.
pub(crate) fn own_account(row: &Row) -> Result<OwnAccount, StoreError> {
    let currency: Option<&str> = row.read("currency")?;
    Ok(OwnAccount {
        livemode: row.read("livemode")?,
        currency: currency.and_then(|code| code.parse().ok()),
    })
}

/// Claims the rows of `ids` that are pending and marks them processed. Both are undone unless `tx`
/// commits.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn claim(
    tx: &Transaction<'_>,
    ids: &[OutboxId],
    now: Timestamp,
) -> Result<ClaimedRows, StoreError> {
    let (first, last) = ends(ids);
    Claim { ids: &uuids(ids), first, last, now }.rows(tx).await.map(ClaimedRows)
}

/// Locks the rows of `ids` that are not processed, and returns them with empty payloads.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn heads(tx: &Transaction<'_>, ids: &[OutboxId]) -> Result<ClaimedRows, StoreError> {
    Heads { ids: &uuids(ids) }.rows(tx).await.map(ClaimedRows)
}

/// A row that cannot be processed, ever.
#[derive(Debug, Clone)]
pub struct DeadRow {
    /// The row that is marked dead.
    pub id: OutboxId,
    /// The reason that its dead letter states.
    pub reason: Reason,
}

/// Marks rows dead and writes their dead letters.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn bury(
    on: &impl GenericClient,
    rows: &[DeadRow],
    now: Timestamp,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let letters: Vec<Uuid> = rows.iter().map(|_| DeadLetterId::new(now).0).collect();
    let ids: Vec<Uuid> = rows.iter().map(|row| row.id.0).collect();
    let errors: Vec<String> =
        rows.iter().map(|row| row.reason.detail.replace('\0', "\u{2400}")).collect();
    let kinds: Vec<&str> = rows.iter().map(|row| row.reason.kind.as_str()).collect();
    let fields: Vec<Option<&str>> = rows.iter().map(|row| row.reason.field.as_deref()).collect();
    let bury = Bury {
        letter_ids: &letters,
        ids: &ids,
        errors: &errors,
        error_kinds: &kinds,
        error_fields: &fields,
        now,
    };
    bury.execute(on).await.map(drop)
}

/// Notes of pending rows why they are still pending, once until they are processed. It counts as no
/// attempt of theirs.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn note_blocked(
    on: &impl GenericClient,
    ids: &[OutboxId],
    error: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    NoteBlocked { ids: &uuids(ids), error, now }.execute(on).await.map(drop)
}

/// Gives rows that `tx` has claimed back to the pending ones, each with the reason for which it
/// waits.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn hold(
    tx: &Transaction<'_>,
    rows: &[(OutboxId, &str)],
    now: Timestamp,
) -> Result<(), StoreError> {
    if rows.is_empty() {
        return Ok(());
    }
    let ids: Vec<Uuid> = rows.iter().map(|(id, _)| id.0).collect();
    let reasons: Vec<&str> = rows.iter().map(|(_, reason)| *reason).collect();
    Hold { ids: &ids, reasons: &reasons, now }.execute(tx).await.map(drop)
}

/// Makes the rows of `source` due that wait until it is known whose they are.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn release(
    on: &impl GenericClient,
    source: &str,
    now: Timestamp,
) -> Result<(), StoreError> {
    Release { source, now }.execute(on).await.map(drop)
}

/// Returns up to `limit` rows whose ticket is due, and sets their next one to `next_due`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn due(
    on: &impl GenericClient,
    now: Timestamp,
    next_due: Timestamp,
    limit: i64,
) -> Result<Vec<OutboxId>, StoreError> {
    let rows = Due { now, next_due, limit }.rows(on).await?;
    rows.iter().map(|row| row.read("id").map(OutboxId)).collect()
}

/// Deletes up to `limit` processed rows that arrived before `before`, of transactions before
/// `archived`, and returns how many.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn purge(
    on: &impl GenericClient,
    before: Timestamp,
    archived: i64,
    limit: i64,
) -> Result<u64, StoreError> {
    Purge { before: oldest_id_at(before), archived, limit }.execute(on).await
}

/// Deletes up to `limit` processed rows of a source that arrived before `before`, of transactions
/// before `archived`, and returns how many. Rows from before the outbox had leaves are left.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn purge_source(
    on: &impl GenericClient,
    source: &str,
    before: Timestamp,
    archived: i64,
    limit: i64,
) -> Result<u64, StoreError> {
    PurgeSource { source, before: oldest_id_at(before), archived, limit }.execute(on).await
}

/// Counts an attempt at rows before the work: if that does not end, the count tells which rows to
/// work alone. Returns the rows that are pending and free. Of a row whose last attempt did not end,
/// that is noted.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn begin_attempt(
    on: &impl GenericClient,
    ids: &[OutboxId],
    now: Timestamp,
) -> Result<Vec<OutboxId>, StoreError> {
    let rows = BeginAttempt { ids: &uuids(ids), now, error: NOT_ENDED }.rows(on).await?;
    rows.iter().map(|row| row.read("id").map(OutboxId)).collect()
}

/// Takes an attempt back that failed by circumstances, not by the rows. Returns the rows for which
/// that is settled: no other connection holds them.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn return_attempt(
    on: &impl GenericClient,
    ids: &[OutboxId],
) -> Result<Vec<OutboxId>, StoreError> {
    let rows = ReturnAttempt { ids: &uuids(ids) }.rows(on).await?;
    rows.iter().map(|row| row.read("id").map(OutboxId)).collect()
}

/// Counts that a process is known to have died while it worked on this row alone. Returns whether
/// that is settled: another connection may hold the row.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn count_crash(on: &impl GenericClient, id: OutboxId) -> Result<bool, StoreError> {
    let held: bool = CountCrash { id: id.0 }.one(on).await?.read("held")?;
    Ok(!held)
}

/// A row that is still pending.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PendingRow {
    /// The row.
    pub id: OutboxId,
    /// Attempts that did not end, as far as it is known. An outage may be to blame.
    pub attempts: i32,
    /// How often a process is known to have died while it worked on this row alone.
    pub crashes: i16,
}

impl PendingRow {
    /// Returns whether the row is to be given up.
    pub fn is_guilty(&self) -> bool {
        self.crashes >= MAX_CRASHES || self.attempts >= MAX_ATTEMPTS
    }

    /// Returns whether it is to be given up without a mark on its object, which is guilty too.
    pub fn is_guilty_of_all(&self) -> bool {
        self.crashes >= MAX_CRASHES_OF_ALL || self.attempts >= MAX_ATTEMPTS_OF_ALL
    }

    /// Returns the reason for which a guilty row is given up.
    pub fn reason(&self) -> Reason {
        if self.crashes >= MAX_CRASHES { Reason::crashed() } else { Reason::unended() }
    }
}

/// Returns the rows of `ids` that are still pending, least suspicious first.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn pending(
    on: &impl GenericClient,
    ids: &[OutboxId],
) -> Result<Vec<PendingRow>, StoreError> {
    let rows = Pending { ids: &uuids(ids) }.rows(on).await?;
    let pending = |row: &Row| {
        let (id, attempts) = (OutboxId(row.read("id")?), row.read("attempts")?);
        Ok(PendingRow { id, attempts, crashes: row.read("crashes")? })
    };
    rows.iter().map(pending).collect()
}

/// Returns when the row arrived that has been pending for longest, or `None` if no row is pending.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn oldest_pending(on: &impl GenericClient) -> Result<Option<Timestamp>, StoreError> {
    OldestPending {}.one(on).await?.read("received_at")
}

/// Returns the first and the last of `ids`; nil if there are none.
pub(crate) fn ends(ids: &[OutboxId]) -> (Uuid, Uuid) {
    let first = ids.iter().min().map_or(Uuid::nil(), |id| id.0);
    (first, ids.iter().max().map_or(Uuid::nil(), |id| id.0))
}

fn uuids(ids: &[OutboxId]) -> Vec<Uuid> {
    ids.iter().map(|id| id.0).collect()
}

/// Returns when the newest version of an object came, if that is a tombstone. The object is named
/// by source, entity and id.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn gone_since(
    on: &impl GenericClient,
    (source, entity, external_id): (&str, &str, &str),
) -> Result<Option<Timestamp>, StoreError> {
    let newest = GoneSince { source, entity, external_id }.optional(on).await?;
    newest.map_or(Ok(None), |row| row.read("gone_since"))
}
