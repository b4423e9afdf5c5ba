//! The `outbox` table: what entered, one row a version of an object.

use jiff::Timestamp;
use penstock_domain::disposition::Reason;
use penstock_domain::ids::{DeadLetterId, OutboxId, RunId};
use penstock_domain::record::{Item, RowView};
use postgres_types::Type;
use tokio_postgres::{GenericClient, Transaction};
use uuid::Uuid;

use crate::{Row, Sql, StoreError};

static INSERT: Sql = Sql {
    name: "outbox.insert",
    text: include_str!("../sql/outbox/insert.sql"),
    types: &[
        Type::TEXT,
        Type::TEXT,
        Type::UUID,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TEXT_ARRAY,
        Type::BYTEA_ARRAY,
    ],
};

static CLAIM: Sql = Sql {
    name: "outbox.claim",
    text: include_str!("../sql/outbox/claim.sql"),
    types: &[Type::UUID_ARRAY, Type::TIMESTAMPTZ],
};

static BURY: Sql = Sql {
    name: "outbox.bury",
    text: include_str!("../sql/outbox/bury.sql"),
    types: &[
        Type::UUID_ARRAY,
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ,
    ],
};

static DUE: Sql = Sql {
    name: "outbox.due",
    text: include_str!("../sql/outbox/due.sql"),
    types: &[Type::TIMESTAMPTZ, Type::TIMESTAMPTZ, Type::INT8],
};

static PURGE: Sql = Sql {
    name: "outbox.purge",
    text: include_str!("../sql/outbox/purge.sql"),
    types: &[Type::UUID, Type::INT8],
};

static BEGIN_ATTEMPT: Sql = Sql {
    name: "outbox.begin_attempt",
    text: "update outbox set attempts = attempts + 1 where id = any($1) and status = 'pending' returning id",
    types: &[Type::UUID_ARRAY],
};

static RETURN_ATTEMPT: Sql = Sql {
    name: "outbox.return_attempt",
    text: "update outbox set attempts = attempts - 1 where id = any($1) and status = 'pending' and attempts > 0",
    types: &[Type::UUID_ARRAY],
};

static PENDING: Sql = Sql {
    name: "outbox.pending",
    text: "select id, attempts from outbox where id = any($1) and status = 'pending' order by attempts, id",
    types: &[Type::UUID_ARRAY],
};

static OLDEST: Sql = Sql {
    name: "outbox.oldest_pending",
    text: "select min(received_at) as received_at from outbox where status = 'pending'",
    types: &[],
};

pub(crate) static STATEMENTS: &[&Sql] =
    &[&INSERT, &CLAIM, &BURY, &DUE, &PURGE, &BEGIN_ATTEMPT, &RETURN_ATTEMPT, &PENDING, &OLDEST];

/// What all rows of one insert share.
#[derive(Debug, Clone, Copy)]
pub struct Arrival<'a> {
    /// The vendor.
    pub source: &'a str,
    /// The payloads' media type.
    pub content_type: &'a str,
    /// The run that fetched them.
    pub run: Option<RunId>,
    /// When they were received.
    pub received_at: Timestamp,
    /// When `relay` may take it that their first ticket is lost.
    pub ticket_due_at: Timestamp,
}

/// Inserts `items`; the answer is the ids of the versions that were not known before.
///
/// Takes a transaction: the rows must move together with the cursor that will not come back for them.
///
/// # Errors
/// Whatever Postgres answers; nothing is inserted then.
pub async fn insert(
    tx: &Transaction<'_>,
    arrival: Arrival<'_>,
    items: &[Item<'_>],
) -> Result<Vec<OutboxId>, StoreError> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let ids: Vec<Uuid> = items.iter().map(|_| OutboxId::new(arrival.received_at).0).collect();
    let entities: Vec<&str> = items.iter().map(|i| i.entity.as_str()).collect();
    let external_ids: Vec<&str> = items.iter().map(|i| i.external_id.as_str()).collect();
    let version_keys: Vec<&str> = items.iter().map(|i| i.version_key.as_str()).collect();
    let version_ats: Vec<Timestamp> = items.iter().map(|i| i.version_at).collect();
    let api_versions: Vec<Option<&str>> = items.iter().map(|i| i.api_version.as_deref()).collect();
    let payloads: Vec<&[u8]> = items.iter().map(|i| i.payload).collect();
    let rows = INSERT
        .rows(
            tx,
            &[
                &arrival.source,
                &arrival.content_type,
                &arrival.run.map(|r| r.0),
                &arrival.ticket_due_at,
                &arrival.received_at,
                &ids,
                &entities,
                &external_ids,
                &version_keys,
                &version_ats,
                &api_versions,
                &payloads,
            ],
        )
        .await?;
    rows.iter().map(|row| row.read("id").map(OutboxId)).collect()
}

/// The rows that a transaction has claimed, as they came from Postgres.
#[derive(Debug)]
pub struct ClaimedRows(Vec<Row>);

/// A row that a transaction has claimed; text and payload borrow from [`ClaimedRows`].
#[derive(Debug, Clone, Copy)]
pub struct Claimed<'a> {
    /// The row as the normalizers see it.
    pub row: RowView<'a>,
    /// The run that fetched the row.
    pub run: Option<RunId>,
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
        };
        Ok(Self { row: view, run: row.read::<Option<_>>("run_id")?.map(RunId) })
    }
}

/// Claims the rows of `ids` that are pending and marks them processed. Both are undone unless `tx` commits.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn claim(
    tx: &Transaction<'_>,
    ids: &[OutboxId],
    now: Timestamp,
) -> Result<ClaimedRows, StoreError> {
    CLAIM.rows(tx, &[&uuids(ids), &now]).await.map(ClaimedRows)
}

/// A row that cannot be processed, ever.
#[derive(Debug, Clone)]
pub struct DeadRow {
    /// The row's id.
    pub id: OutboxId,
    /// Why it is dead.
    pub reason: Reason,
}

/// Marks rows dead and writes their dead letters.
///
/// # Errors
/// Whatever Postgres answers.
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
    BURY.execute(on, &[&letters, &ids, &errors, &kinds, &now]).await?;
    Ok(())
}

/// Up to `limit` rows that wait for a ticket; each is left alone until `next_due` afterwards.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn due(
    on: &impl GenericClient,
    now: Timestamp,
    next_due: Timestamp,
    limit: i64,
) -> Result<Vec<OutboxId>, StoreError> {
    let rows = DUE.rows(on, &[&now, &next_due, &limit]).await?;
    rows.iter().map(|row| row.read("id").map(OutboxId)).collect()
}

/// Deletes up to `limit` processed rows that arrived before `before`; the answer is how many.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn purge(
    on: &impl GenericClient,
    before: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    PURGE.execute(on, &[&penstock_domain::ids::oldest_id_at(before), &limit]).await
}

/// Counts an attempt at rows, before the work: if the process dies, the count tells on which. The answer
/// is what is still pending of them.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn begin_attempt(
    on: &impl GenericClient,
    ids: &[OutboxId],
) -> Result<Vec<OutboxId>, StoreError> {
    let rows = BEGIN_ATTEMPT.rows(on, &[&uuids(ids)]).await?;
    rows.iter().map(|row| row.read("id").map(OutboxId)).collect()
}

/// Gives an attempt back: circumstances were to blame, not the rows.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn return_attempt(on: &impl GenericClient, ids: &[OutboxId]) -> Result<(), StoreError> {
    RETURN_ATTEMPT.execute(on, &[&uuids(ids)]).await.map(drop)
}

/// What is still pending of `ids` with its attempts, least suspicious first.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn pending(
    on: &impl GenericClient,
    ids: &[OutboxId],
) -> Result<Vec<(OutboxId, i32)>, StoreError> {
    let rows = PENDING.rows(on, &[&uuids(ids)]).await?;
    rows.iter().map(|row| Ok((OutboxId(row.read("id")?), row.read("attempts")?))).collect()
}

/// When the row arrived that has been pending for longest; `None` where nothing waits.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn oldest_pending(on: &impl GenericClient) -> Result<Option<Timestamp>, StoreError> {
    OLDEST.one(on, &[]).await?.read("received_at")
}

fn uuids(ids: &[OutboxId]) -> Vec<Uuid> {
    ids.iter().map(|id| id.0).collect()
}
