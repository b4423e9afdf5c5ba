//! The `reconciliations` and `reconciled_days` tables: how the vendor's lists compare with payments.

use jiff::Timestamp;
use jiff::civil::Date;
use penstock_domain::ids::RunId;
use penstock_domain::reconcile::{DaySums, MendKey, Phase};
use postgres_types::Type;
use tokio_postgres::{GenericClient, Transaction};
use uuid::Uuid;

use crate::{Row, Sql, StoreError};

pub mod report;

static BEGIN: Sql = Sql {
    name: "reconciliations.begin",
    text: "insert into reconciliations (run_id, phase, look) values ($1, 'listing', 1)",
    types: &[Type::UUID],
};

static FIND: Sql = Sql {
    name: "reconciliations.find",
    text: "select phase, look, mend_key, mended_at from reconciliations where run_id = $1",
    types: &[Type::UUID],
};

static MOVE: Sql = Sql {
    name: "reconciliations.move",
    text: "update reconciliations set phase = $2, look = $3, mend_key = $4, mended_at = $5 where run_id = $1",
    types: &[Type::UUID, Type::TEXT, Type::INT2, Type::UUID, Type::TIMESTAMPTZ],
};

static ADD_THEIRS: Sql = Sql {
    name: "reconciliations.add_theirs",
    text: include_str!("../sql/reconciliations/add_theirs.sql"),
    types: &[
        Type::UUID,
        Type::INT2,
        Type::DATE_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::INT8_ARRAY,
        Type::TEXT_ARRAY,
    ],
};

static ADD_OURS: Sql = Sql {
    name: "reconciliations.add_ours",
    text: include_str!("../sql/reconciliations/add_ours.sql"),
    types: &[Type::UUID, Type::INT2, Type::TEXT, Type::TEXT, Type::TIMESTAMPTZ],
};

static DROP_EQUAL: Sql = Sql {
    name: "reconciliations.drop_equal",
    text: "delete from reconciled_days where run_id = $1 and look = $2 \
           and theirs_count = ours_count and theirs_sum = ours_sum",
    types: &[Type::UUID, Type::INT2],
};

static NEXT_DAYS: Sql = Sql {
    name: "reconciliations.next_days",
    text: include_str!("../sql/reconciliations/next_days.sql"),
    types: &[Type::UUID, Type::INT2, Type::DATE],
};

static UNSEEN: Sql = Sql {
    name: "reconciliations.unseen",
    text: include_str!("../sql/reconciliations/unseen.sql"),
    types: &[
        Type::UUID,
        Type::INT2,
        Type::TEXT,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::TEXT,
        Type::INT8,
    ],
};

static UNSETTLED: Sql = Sql {
    name: "reconciliations.unsettled",
    text: "select exists (select from outbox where run_id = $1 and status = 'pending') as is_unsettled",
    types: &[Type::UUID],
};

pub(crate) static STATEMENTS: &[&Sql] =
    &[&BEGIN, &FIND, &MOVE, &ADD_THEIRS, &ADD_OURS, &DROP_EQUAL, &NEXT_DAYS, &UNSEEN, &UNSETTLED];

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
pub struct Unseen {
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
    BEGIN.execute(tx, &[&run.0]).await.map(drop)
}

/// Where the reconciliation of this run stands; none where it is none.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn find(on: &impl GenericClient, run: RunId) -> Result<Option<Stand>, StoreError> {
    let row = FIND.optional(on, &[&run.0]).await?;
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
    let (key, since) = stand.mend.map(|(key, since)| (key.0, since)).unzip();
    MOVE.execute(tx, &[&run.0, &stand.phase.as_str(), &stand.look, &key, &since]).await.map(drop)
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
    ADD_THEIRS
        .execute(tx, &[&run.0, &look, &days, &currencies, &statuses, &counts, &amounts])
        .await
        .map(drop)
}

/// Compares what a look has seen of the vendor with payments as they are now, keeps what differs, and says how much
/// that is: days, by currency and status.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn compare(tx: &Transaction<'_>, scope: Scope<'_>, look: i16) -> Result<i64, StoreError> {
    ADD_OURS
        .execute(tx, &[&scope.run.0, &look, &scope.source, &scope.kind, &scope.upper_bound])
        .await?;
    DROP_EQUAL.execute(tx, &[&scope.run.0, &look]).await?;
    report::count(tx, scope.run, look).await
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
    let row = NEXT_DAYS.optional(on, &[&run.0, &look, &before]).await?;
    row.map(|row| Ok((row.read("first")?, row.read("last")?))).transpose()
}

/// Up to `limit` rows of ours after the id `after`, on days that `look` found to differ, which the mending under
/// `version_key` did not show and which are older than `older_than`.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn unseen(
    tx: &Transaction<'_>,
    scope: Scope<'_>,
    look: i16,
    (version_key, older_than): (&str, Timestamp),
    (after, limit): (&str, i64),
) -> Result<Vec<Unseen>, StoreError> {
    let Scope { run, source, kind, upper_bound } = scope;
    let rows = UNSEEN
        .rows(
            tx,
            &[
                &run.0,
                &look,
                &source,
                &kind,
                &upper_bound,
                &older_than,
                &version_key,
                &after,
                &limit,
            ],
        )
        .await?;
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

/// Whether rows of the run wait to be processed.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn is_unsettled(on: &impl GenericClient, run: RunId) -> Result<bool, StoreError> {
    UNSETTLED.one(on, &[&run.0]).await?.read("is_unsettled")
}
