//! The rows of connections that are erased. Each step is a short transaction, and complete in
//! itself: whoever repeats or abandons them does no harm.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::connection::State;
use tokio_postgres::Transaction;

use super::removal::{ForgetChannels, ForgetCircuits, ForgetSweeps, LockAll};
use crate::sql::{Statement, statements};
use crate::{Connection, Row, StoreError, begin, commit, revenue};

statements! {
    connections.to_erase: ToErase { limit: i64 }
    connections.come_late: ComeLate { limit: i64 }
    connections.hold_erasing: HoldErasing<'a> { name: &'a str }
    connections.end_erasing: EndErasing<'a> {
        name: &'a str,
        begun_before: Timestamp,
        now: Timestamp,
    }
    sync_state.erase: ErasePulls<'a> { source: &'a str }
    vendor_accounts.erase: EraseAccount<'a> { source: &'a str }
    strange_accounts.erase: EraseStrangers<'a> { source: &'a str }
    outbox.erase: EraseOutbox<'a> { source: &'a str, after: &'a [String], limit: i64 }
    payments.erase: ErasePayments<'a> { source: &'a str, after: &'a [String], limit: i64 }
    contacts.erase: EraseContacts<'a> { source: &'a str, after: &'a [String], limit: i64 }
    calendar_events.erase: EraseEntries<'a> { source: &'a str, after: &'a [String], limit: i64 }
    refetch_requests.erase: EraseRefetches<'a> { source: &'a str, after: &'a [String], limit: i64 }
    not_ours.erase: EraseNotes<'a> { source: &'a str, after: &'a [String], limit: i64 }
    sync_runs.erase: EraseRuns<'a> { source: &'a str, after: &'a [String], limit: i64 }
    dead_letters.erase: EraseLetters<'a> { source: &'a str, after: &'a [String], limit: i64 }
    failed_attempts.erase: EraseAttempts<'a> { source: &'a str, after: &'a [String], limit: i64 }
    revenue_sums.erase: EraseSums<'a> { source: &'a str, after: &'a [String], limit: i64 }
    reconciled_days.erase: EraseDays<'a> { source: &'a str, limit: i64 }
    run_requests.erase: EraseRequests<'a> { source: &'a str, limit: i64 }
    leads.erase_smoke: EraseSmokeLeads<'a> { source: &'a str, limit: i64 }
    events.erase_smoke: EraseSmokeEvents<'a> { source: &'a str, limit: i64 }
}

/// Rows may still come this long after a connection was removed: from functions that read its state
/// before. No invocation of Lambda lives longer.
pub const LATE: Duration = Duration::from_secs(15 * 60);

/// Index entries or rows that are looked at for each that a step may delete, where no index finds a
/// connection's rows.
const SEARCHED: i64 = 5;

/// The tables of which rows are erased, in the order in which that begins. Those that make other
/// rows come first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Table {
    /// With `sync_windows`.
    SyncState,
    PushChannels,
    Circuits,
    HeldSweeps,
    RefetchRequests,
    VendorAccounts,
    StrangeAccounts,
    Outbox,
    Payments,
    Contacts,
    CalendarEvents,
    NotOurs,
    ReconciledDays,
    /// With `reconciliations`.
    SyncRuns,
    RunRequests,
    /// Leads of the person whom a smoke test makes up for the connection.
    SmokeLeads,
    /// Product events of that person.
    SmokeEvents,
    DeadLetters,
    FailedAttempts,
    /// Its rows are folded, those of all connections: that empties the sums.
    RevenueDeltas,
    /// Sums of nothing.
    RevenueSums,
}

impl Table {
    /// The tables in which an index finds the rows of a connection.
    pub const INDEXED: [Self; 17] = [
        Self::SyncState,
        Self::PushChannels,
        Self::Circuits,
        Self::HeldSweeps,
        Self::RefetchRequests,
        Self::VendorAccounts,
        Self::StrangeAccounts,
        Self::Outbox,
        Self::Payments,
        Self::Contacts,
        Self::CalendarEvents,
        Self::NotOurs,
        Self::ReconciledDays,
        Self::SyncRuns,
        Self::RunRequests,
        Self::SmokeLeads,
        Self::SmokeEvents,
    ];

    /// The tables that are searched from one end to the other, once all others are empty.
    pub const SEARCHED: [Self; 4] =
        [Self::DeadLetters, Self::FailedAttempts, Self::RevenueDeltas, Self::RevenueSums];

    /// Returns the name of the table.
    #[must_use]
    pub const fn name(self) -> &'static str {
        self.names()[0]
    }

    /// Returns the names of all tables that its step deletes from.
    #[must_use]
    pub const fn names(self) -> &'static [&'static str] {
        match self {
            Self::SyncState => &["sync_state", "sync_windows"],
            Self::PushChannels => &["push_channels"],
            Self::Circuits => &["circuits"],
            Self::HeldSweeps => &["held_sweeps"],
            Self::RefetchRequests => &["refetch_requests"],
            Self::VendorAccounts => &["vendor_accounts"],
            Self::StrangeAccounts => &["strange_accounts"],
            Self::Outbox => &["outbox"],
            Self::Payments => &["payments"],
            Self::Contacts => &["contacts"],
            Self::CalendarEvents => &["calendar_events"],
            Self::NotOurs => &["not_ours"],
            Self::ReconciledDays => &["reconciled_days"],
            Self::SyncRuns => &["sync_runs", "reconciliations"],
            Self::RunRequests => &["run_requests"],
            Self::SmokeLeads => &["leads", "outbox"],
            Self::SmokeEvents => &["events", "outbox"],
            Self::DeadLetters => &["dead_letters"],
            Self::FailedAttempts => &["failed_attempts"],
            Self::RevenueDeltas => &["revenue_deltas"],
            Self::RevenueSums => &["revenue_sums"],
        }
    }

    /// Returns the position before all rows.
    #[must_use]
    pub fn beginning(self) -> Vec<String> {
        let least: &[&str] = match self {
            Self::Outbox => &["", "", ""],
            Self::Payments | Self::CalendarEvents | Self::RefetchRequests => &["", ""],
            Self::Contacts => &[""],
            Self::NotOurs => &["", "-infinity"],
            Self::SyncRuns => &["", "", "-infinity"],
            Self::DeadLetters => &["00000000-0000-0000-0000-000000000000"],
            Self::FailedAttempts => &["00000000-0000-0000-0000-000000000000", "-infinity"],
            Self::RevenueSums => &["", "-infinity", "", ""],
            Self::SyncState
            | Self::PushChannels
            | Self::Circuits
            | Self::HeldSweeps
            | Self::VendorAccounts
            | Self::StrangeAccounts
            | Self::ReconciledDays
            | Self::RunRequests
            | Self::SmokeLeads
            | Self::SmokeEvents
            | Self::RevenueDeltas => &[],
        };
        least.iter().map(|text| (*text).to_owned()).collect()
    }
}

/// A connection that has rows to delete.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unfinished {
    /// The name of the connection.
    pub name: String,
    /// `Erasing`, or `Erased` if rows have come since.
    pub state: State,
    /// Since when it is in this state.
    pub since: Timestamp,
}

/// Returns up to `limit` connections that are being erased, those first that have waited longest.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn unfinished(on: &Connection, limit: i64) -> Result<Vec<Unfinished>, StoreError> {
    ToErase { limit }.rows(&***on).await?.iter().map(read).collect()
}

/// Returns up to `limit` connections that are erased and have got rows since. Each costs a probe of
/// an index in each table. It takes long where very many rows were deleted that vacuum has not
/// cleaned up yet.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn late(on: &Connection, limit: i64) -> Result<Vec<Unfinished>, StoreError> {
    ComeLate { limit }.rows(&***on).await?.iter().map(read).collect()
}

fn read(row: &Row) -> Result<Unfinished, StoreError> {
    let (name, since) = (row.read("name")?, row.read("changed_at")?);
    Ok(Unfinished { name, state: super::state(row)?, since })
}

/// The outcome of a step.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// The number of rows that were deleted.
    pub rows: u64,
    /// The position from which to go on; `None` if this table has shown no more rows.
    pub next: Option<Vec<String>>,
    /// Whether rows are left that this step had to leave to a later round.
    pub waits: bool,
}

/// Deletes up to `limit` rows of `table` that belong to the connection `name`, beyond the position
/// `after`. Returns `None`, and deletes nothing, if the connection is in use again.
///
/// Rows that other transactions have locked are left out, so that no step waits for them.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails. Nothing is deleted then.
pub async fn step(
    on: &mut Connection,
    name: &str,
    table: Table,
    after: &[String],
    limit: i64,
) -> Result<Option<Step>, StoreError> {
    if table == Table::RevenueDeltas {
        return fold(on, name, limit * SEARCHED).await;
    }
    let tx = begin(on).await?;
    if (HoldErasing { name }).optional(&tx).await?.is_none() {
        return Ok(None);
    }
    let step = erase(&tx, name, table, after, limit).await?;
    commit(tx).await?;
    Ok(Some(step))
}

/// Not in a transaction, or others would wait for its end before they fold.
async fn fold(on: &Connection, name: &str, limit: i64) -> Result<Option<Step>, StoreError> {
    if (HoldErasing { name }).optional(&***on).await?.is_none() {
        return Ok(None);
    }
    let limit = u32::try_from(limit).unwrap_or(u32::MAX);
    let folded = revenue::fold(on, limit).await?;
    let more = folded.is_some_and(|folded| folded >= u64::from(limit));
    Ok(Some(Step { rows: 0, next: more.then(Vec::new), waits: folded.is_none() }))
}

async fn erase(
    tx: &Transaction<'_>,
    source: &str,
    table: Table,
    after: &[String],
    limit: i64,
) -> Result<Step, StoreError> {
    let sources = &[source.to_owned()][..];
    let row = match table {
        Table::SyncState => {
            // The next statement sees the windows that were committed while this one waited.
            LockAll { sources }.execute(tx).await?;
            return whole(ErasePulls { source }, tx).await;
        }
        Table::PushChannels => return whole(ForgetChannels { sources }, tx).await,
        Table::Circuits => return whole(ForgetCircuits { sources }, tx).await,
        Table::HeldSweeps => return whole(ForgetSweeps { sources }, tx).await,
        Table::VendorAccounts => return whole(EraseAccount { source }, tx).await,
        Table::StrangeAccounts => return whole(EraseStrangers { source }, tx).await,
        Table::RefetchRequests => EraseRefetches { source, after, limit }.one(tx).await?,
        Table::Outbox => EraseOutbox { source, after, limit }.one(tx).await?,
        Table::Payments => ErasePayments { source, after, limit }.one(tx).await?,
        Table::Contacts => EraseContacts { source, after, limit }.one(tx).await?,
        Table::CalendarEvents => EraseEntries { source, after, limit }.one(tx).await?,
        Table::NotOurs => EraseNotes { source, after, limit }.one(tx).await?,
        Table::ReconciledDays => EraseDays { source, limit }.one(tx).await?,
        Table::SyncRuns => EraseRuns { source, after, limit }.one(tx).await?,
        Table::RunRequests => EraseRequests { source, limit }.one(tx).await?,
        Table::SmokeLeads => EraseSmokeLeads { source, limit }.one(tx).await?,
        Table::SmokeEvents => EraseSmokeEvents { source, limit }.one(tx).await?,
        Table::DeadLetters => {
            EraseLetters { source, after, limit: limit * SEARCHED }.one(tx).await?
        }
        Table::FailedAttempts => {
            EraseAttempts { source, after, limit: limit * SEARCHED }.one(tx).await?
        }
        // `step` folds them outside a transaction.
        Table::RevenueDeltas => return Ok(Step { rows: 0, next: None, waits: true }),
        Table::RevenueSums => EraseSums { source, after, limit: limit * SEARCHED }.one(tx).await?,
    };
    let rows: i64 = row.read("rows")?;
    let last: Option<Vec<String>> = row.read("last")?;
    let next = if row.read("more")? { last } else { None };
    let waits = table == Table::RevenueSums && row.read("waits")?;
    Ok(Step { rows: rows.unsigned_abs(), next, waits })
}

/// Runs a statement that deletes all rows of a connection: there are few.
async fn whole(statement: impl Statement, tx: &Transaction<'_>) -> Result<Step, StoreError> {
    Ok(Step { rows: statement.execute(tx).await?, next: None, waits: false })
}

/// Says that nothing of the connection is left, if its erasing began at `begun_before` or earlier.
/// Its settings and the names of its secrets are deleted with that. Returns whether it is erased by
/// this call.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn end(
    on: &Connection,
    name: &str,
    begun_before: Timestamp,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let ended = EndErasing { name, begun_before, now }.optional(&***on).await?;
    Ok(ended.is_some())
}
