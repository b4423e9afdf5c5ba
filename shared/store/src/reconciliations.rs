//! The `reconciliations` and `reconciled_days` tables: how the vendor's lists compare with
//! payments.

use jiff::Timestamp;
use jiff::civil::Date;
use penstock_domain::ids::RunId;
use penstock_domain::reconcile::{DaySums, MendKey, Phase};
use tokio_postgres::{GenericClient, Transaction};
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

pub mod report;

statements! {
    reconciliations.begin: Begin { run: Uuid }
    reconciliations.find: Find { run: Uuid }
    reconciliations.move: Move<'a> {
        run: Uuid,
        phase: &'a str,
        look: i16,
        mend_key: Option<Uuid>,
        mended_at: Option<Timestamp>,
    }
    reconciliations.add_theirs: AddTheirs<'a> {
        run: Uuid,
        look: i16,
        days: &'a [Date],
        currencies: &'a [&'a str],
        statuses: &'a [&'a str],
        counts: &'a [i64],
        sums: &'a [String],
    }
    reconciliations.add_ours: AddOurs<'a> {
        run: Uuid,
        look: i16,
        source: &'a str,
        kind: &'a str,
        upper_bound: Timestamp,
    }
    reconciliations.drop_equal: DropEqual { run: Uuid, look: i16 }
    reconciliations.next_days: NextDays { run: Uuid, look: i16, before: Option<Date> }
    reconciliations.unseen: FindUnseen<'a> {
        run: Uuid,
        look: i16,
        source: &'a str,
        kind: &'a str,
        upper_bound: Timestamp,
        older_than: Timestamp,
        shown_as: &'a str,
        gone_as: &'a str,
        answered_since: Timestamp,
        after: &'a str,
        limit: i64,
    }
    reconciliations.count_unseen: CountUnseen<'a> {
        run: Uuid,
        look: i16,
        source: &'a str,
        kind: &'a str,
        upper_bound: Timestamp,
        older_than: Timestamp,
        shown_as: &'a str,
        gone_as: &'a str,
        answered_since: Timestamp,
    }
    reconciliations.unsettled: Unsettled { run: Uuid }
}

/// The payments that are compared.
#[derive(Debug, Clone, Copy)]
pub struct Comparison<'a> {
    /// The run that compares them.
    pub run: RunId,
    /// The name of the vendor's source.
    pub source: &'a str,
    /// The kind of payment, which is the entity.
    pub kind: &'a str,
    /// Payments that occurred later are left out.
    pub upper_bound: Timestamp,
}

/// The state of a reconciliation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct State {
    /// The phase that it is in.
    pub phase: Phase,
    /// The number of the comparison that is under way or comes next, from 1. The column is `look`.
    pub round: i16,
    /// The key under which differing objects go into the outbox again, and since when.
    pub mend: Option<(MendKey, Timestamp)>,
}

/// A payment that the vendor's lists do not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unseen {
    /// The vendor's id of the payment.
    pub external_id: String,
    /// The amount in minor units of the currency.
    pub amount: i64,
    /// The currency as ISO 4217 code.
    pub currency: String,
    /// The time at which it occurred.
    pub occurred_at: Timestamp,
}

/// The version keys under which the objects of a mending are answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answered {
    /// Of objects that the vendor has shown.
    pub shown_as: String,
    /// Of tombstones.
    pub gone_as: String,
    /// No object was answered before.
    pub since: Timestamp,
}

/// Writes the state of a reconciliation that begins.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn begin(tx: &Transaction<'_>, run: RunId) -> Result<(), StoreError> {
    Begin { run: run.0 }.execute(tx).await.map(drop)
}

/// Loads the reconciliation state of `run`; `None` if this run is not a reconciliation.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn find(on: &impl GenericClient, run: RunId) -> Result<Option<State>, StoreError> {
    let row = Find { run: run.0 }.optional(on).await?;
    let Some(row) = row else { return Ok(None) };
    let Some(phase) = Phase::parse(row.read("phase")?) else { return Ok(None) };
    let key = row.read::<Option<Uuid>>("mend_key")?.map(MendKey);
    Ok(Some(State { phase, round: row.read("look")?, mend: key.zip(row.read("mended_at")?) }))
}

/// Writes the state of a reconciliation.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn advance(tx: &Transaction<'_>, run: RunId, state: State) -> Result<(), StoreError> {
    let (mend_key, mended_at) = state.mend.map(|(key, since)| (key.0, since)).unzip();
    let (phase, look) = (state.phase.as_str(), state.round);
    Move { run: run.0, phase, look, mend_key, mended_at }.execute(tx).await.map(drop)
}

/// Adds a page of the vendor's list to the sums of comparison `look`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn add_theirs(
    tx: &Transaction<'_>,
    run: RunId,
    look: i16,
    sums: &DaySums,
) -> Result<(), StoreError> {
    let days: Vec<Date> = sums.iter().map(|((day, ..), _)| *day).collect();
    let currencies: Vec<&str> =
        sums.iter().map(|((_, currency, _), _)| currency.as_str()).collect();
    let statuses: Vec<&str> = sums.iter().map(|((.., status), _)| status.as_str()).collect();
    let counts: Vec<i64> = sums.iter().map(|(_, (count, _))| *count).collect();
    let amounts: Vec<String> = sums.iter().map(|(_, (_, sum))| sum.to_string()).collect();
    let add = AddTheirs {
        run: run.0,
        look,
        days: &days,
        currencies: &currencies,
        statuses: &statuses,
        counts: &counts,
        sums: &amounts,
    };
    add.execute(tx).await.map(drop)
}

/// Compares the vendor's sums with payments as they are now, and keeps the days that differ.
/// Returns how many there are, counted by day, currency and status.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn compare(
    tx: &Transaction<'_>,
    comparison: Comparison<'_>,
    look: i16,
) -> Result<i64, StoreError> {
    let Comparison { run, source, kind, upper_bound } = comparison;
    AddOurs { run: run.0, look, source, kind, upper_bound }.execute(tx).await?;
    DropEqual { run: run.0, look }.execute(tx).await?;
    report::count(tx, run, look).await
}

/// Returns the first and the last of the newest consecutive days before `before` that differ.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn next_days(
    on: &impl GenericClient,
    run: RunId,
    look: i16,
    before: Option<Date>,
) -> Result<Option<(Date, Date)>, StoreError> {
    let row = NextDays { run: run.0, look, before }.optional(on).await?;
    row.map(|row| Ok((row.read("first")?, row.read("last")?))).transpose()
}

/// Returns up to `limit` payments that the vendor has not shown. They are on days that differ,
/// older than `older_than`, and not among the objects that are answered. Their ids follow `after`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn unseen(
    on: &impl GenericClient,
    comparison: Comparison<'_>,
    look: i16,
    (answered, older_than): (&Answered, Timestamp),
    (after, limit): (&str, i64),
) -> Result<Vec<Unseen>, StoreError> {
    let Comparison { run, source, kind, upper_bound } = comparison;
    let find = FindUnseen {
        run: run.0,
        look,
        source,
        kind,
        upper_bound,
        older_than,
        shown_as: &answered.shown_as,
        gone_as: &answered.gone_as,
        answered_since: answered.since,
        after,
        limit,
    };
    let rows = find.rows(on).await?;
    let unseen = |row: &Row| {
        Ok(Unseen {
            external_id: row.read("external_id")?,
            amount: row.read("amount")?,
            currency: row.read("currency")?,
            occurred_at: row.read("occurred_at")?,
        })
    };
    rows.iter().map(unseen).collect()
}

/// Returns how many payments [`unseen`] would find, and how many there are that the lists should
/// show.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn count_unseen(
    on: &impl GenericClient,
    comparison: Comparison<'_>,
    look: i16,
    (answered, older_than): (&Answered, Timestamp),
) -> Result<(u64, u64), StoreError> {
    let Comparison { run, source, kind, upper_bound } = comparison;
    let count = CountUnseen {
        run: run.0,
        look,
        source,
        kind,
        upper_bound,
        older_than,
        shown_as: &answered.shown_as,
        gone_as: &answered.gone_as,
        answered_since: answered.since,
    };
    let row = count.one(on).await?;
    let number = |n: i64| u64::try_from(n).unwrap_or_default();
    Ok((number(row.read("unseen")?), number(row.read("accounted")?)))
}

/// Returns whether rows of the run are pending.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn is_unsettled(on: &impl GenericClient, run: RunId) -> Result<bool, StoreError> {
    Unsettled { run: run.0 }.one(on).await?.read("is_unsettled")
}
