//! Runs that somebody still owes, and runs that nobody goes on with.

use jiff::Timestamp;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use postgres_types::Type;
use tokio_postgres::{GenericClient, Transaction};

use crate::{Sql, StoreError};

static OWE: Sql = Sql {
    name: "sync_state.owe",
    text: "insert into sync_state as s (source, entity, mode, lease_until, requested_at, requested_why, updated_at) \
           select $1, e, $3, $4, $4, $5, $4 from unnest($2) as i (e) order by e \
           on conflict (source, entity, mode) do update set requested_at = excluded.requested_at, \
           requested_why = excluded.requested_why, halted = null \
           where case $6 when 'owed' then s.run_id is null and s.requested_at is null \
           when 'halted' then s.halted is null else true end returning entity",
    types: &[Type::TEXT, Type::TEXT_ARRAY, Type::TEXT, Type::TIMESTAMPTZ, Type::TEXT, Type::TEXT],
};

static LOCK: Sql = Sql {
    name: "sync_state.lock",
    text: "insert into sync_state as s (source, entity, mode, updated_at) \
           select $1, e, $3, $4 from unnest($2) as i (e) order by e \
           on conflict (source, entity, mode) do update set updated_at = s.updated_at",
    types: &[Type::TEXT, Type::TEXT_ARRAY, Type::TEXT, Type::TIMESTAMPTZ],
};

static STALLED: Sql = Sql {
    name: "sync_state.stalled",
    text: "update sync_state set updated_at = $1 \
           where (run_id is not null or requested_at is not null) and halted is null \
             and lease_until <= $1 and updated_at <= $2 \
           returning source, entity, mode",
    types: &[Type::TIMESTAMPTZ, Type::TIMESTAMPTZ],
};

pub(crate) static STATEMENTS: &[&Sql] = &[&OWE, &LOCK, &STALLED];

/// Who is owed a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unless {
    /// Everybody named, from now on: a run under way does not count.
    Never,
    /// Those who are not owed one yet, and have none under way.
    OwedOrUnderWay,
    /// Those who do not wait for a person: a notification is no reason to try a refused key again.
    Halted,
}

/// Notes that runs are owed and why, until they have succeeded: `relay` asks for them as long as it takes. The
/// answer is the entities that are owed one by this.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn owe(
    on: &impl GenericClient,
    source: &str,
    entities: &[&str],
    mode: Mode,
    why: Option<&str>,
    unless: Unless,
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let unless = match unless {
        Unless::Never => "never",
        Unless::OwedOrUnderWay => "owed",
        Unless::Halted => "halted",
    };
    let rows = OWE.rows(on, &[&source, &entities, &mode.as_str(), &now, &why, &unless]).await?;
    rows.iter().map(|row| row.read("entity")).collect()
}

/// Holds the rows of these pulls until the transaction ends, those that there are not yet as well.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn lock(
    tx: &Transaction<'_>,
    source: &str,
    entities: &[&str],
    mode: Mode,
    now: Timestamp,
) -> Result<(), StoreError> {
    LOCK.execute(tx, &[&source, &entities, &mode.as_str(), &now]).await.map(drop)
}

/// Runs that are owed or were left unfinished, and that nobody has touched since `quiet_since`.
/// Asking counts as touching.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn stalled(
    on: &impl GenericClient,
    now: Timestamp,
    quiet_since: Timestamp,
) -> Result<Vec<FetchRequest>, StoreError> {
    let rows = STALLED.rows(on, &[&now, &quiet_since]).await?;
    let mut requests = Vec::new();
    for row in &rows {
        if let Some(mode) = Mode::parse(row.read("mode")?) {
            let request = FetchRequest::new(row.read("source")?, row.read("entity")?, mode);
            requests.push(request.resuming());
        }
    }
    Ok(requests)
}
