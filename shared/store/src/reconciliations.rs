//! The `reconciliations` and `reconciled_days` tables: how the vendor's lists compare with payments.

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
    reconciliations.ghosts: Ghosts<'a> {
        run: Uuid,
        look: i16,
        source: &'a str,
        kind: &'a str,
        upper_bound: Timestamp,
        older_than: Timestamp,
        version_key: &'a str,
        after: &'a str,
        limit: i64,
    }
    reconciliations.unsettled: Unsettled { run: Uuid }
}

/// What is compared.
#[derive(Debug, Clone, Copy)]
pub struct Scope<'a> {
    /// The run.
    pub run: RunId,
    /// The vendor.
    pub source: &'a str,
    /// The kind of payment, which is the entity.
    pub kind: &'a str,
    /// Nothing that occurred later.
    pub upper_bound: Timestamp,
}

/// Where a reconciliation stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stand {
    /// What it is doing.
    pub phase: Phase,
    /// How often the two sides have been compared, or will be next.
    pub look: i16,
    /// What is being mended, once something is.
    pub mend: Option<(MendKey, Timestamp)>,
}

/// A row of ours that the vendor does not show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ghost {
    /// The vendor's id of it.
    pub external_id: String,
    /// Minor units.
    pub amount: i64,
    /// ISO 4217.
    pub currency: String,
    /// When it occurred.
    pub occurred_at: Timestamp,
}

/// Opens a reconciliation.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn begin(tx: &Transaction<'_>, run: RunId) -> Result<(), StoreError> {
    Begin { run: run.0 }.execute(tx).await.map(drop)
}

/// Where the reconciliation of this run stands; none where it is none.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn find(on: &impl GenericClient, run: RunId) -> Result<Option<Stand>, StoreError> {
    let row = Find { run: run.0 }.optional(on).await?;
    let Some(row) = row else { return Ok(None) };
    let Some(phase) = Phase::parse(row.read("phase")?) else { return Ok(None) };
    let key = row.read::<Option<Uuid>>("mend_key")?.map(MendKey);
    Ok(Some(Stand { phase, look: row.read("look")?, mend: key.zip(row.read("mended_at")?) }))
}

/// Moves a reconciliation to where it stands from now on.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn advance(tx: &Transaction<'_>, run: RunId, stand: Stand) -> Result<(), StoreError> {
    let (mend_key, mended_at) = stand.mend.map(|(key, since)| (key.0, since)).unzip();
    let (phase, look) = (stand.phase.as_str(), stand.look);
    Move { run: run.0, phase, look, mend_key, mended_at }.execute(tx).await.map(drop)
}

/// Adds what a page of the vendor's list holds to a look.
///
/// # Errors
/// Whatever Postgres answers.
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

/// Compares what a look has seen of the vendor with payments as they are now, keeps what differs, and says how much
/// that is: days, by currency and status.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn compare(tx: &Transaction<'_>, scope: Scope<'_>, look: i16) -> Result<i64, StoreError> {
    let Scope { run, source, kind, upper_bound } = scope;
    AddOurs { run: run.0, look, source, kind, upper_bound }.execute(tx).await?;
    DropEqual { run: run.0, look }.execute(tx).await?;
    report::count(tx, run, look).await
}

/// The newest days before `before` that a look found to differ and that follow one another: the first and the last.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn next_days(
    on: &impl GenericClient,
    run: RunId,
    look: i16,
    before: Option<Date>,
) -> Result<Option<(Date, Date)>, StoreError> {
    let row = NextDays { run: run.0, look, before }.optional(on).await?;
    row.map(|row| Ok((row.read("first")?, row.read("last")?))).transpose()
}

/// Up to `limit` rows of ours after the id `after`, on days that `look` found to differ, which the mending under
/// `version_key` did not show and which are older than `older_than`.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn ghosts(
    tx: &Transaction<'_>,
    scope: Scope<'_>,
    look: i16,
    (version_key, older_than): (&str, Timestamp),
    (after, limit): (&str, i64),
) -> Result<Vec<Ghost>, StoreError> {
    let Scope { run, source, kind, upper_bound } = scope;
    let ghosts = Ghosts {
        run: run.0,
        look,
        source,
        kind,
        upper_bound,
        older_than,
        version_key,
        after,
        limit,
    };
    let rows = ghosts.rows(tx).await?;
    let ghost = |row: &Row| {
        Ok(Ghost {
            external_id: row.read("external_id")?,
            amount: row.read("amount")?,
            currency: row.read("currency")?,
            occurred_at: row.read("occurred_at")?,
        })
    };
    rows.iter().map(ghost).collect()
}

/// Whether rows of the run wait to be processed.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn is_unsettled(on: &impl GenericClient, run: RunId) -> Result<bool, StoreError> {
    Unsettled { run: run.0 }.one(on).await?.read("is_unsettled")
}
