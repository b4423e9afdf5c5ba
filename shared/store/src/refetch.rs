//! The `refetch_requests` table: objects that `fetch` should read again, because two versions of them
//! carry the same second. Kept in Postgres, so that a crash between commit and queue forgets none.

use jiff::Timestamp;
use postgres_types::Type;
use tokio_postgres::GenericClient;

use crate::{Row, Sql, StoreError};

pub(crate) static REQUEST: Sql = Sql {
    name: "refetch.request",
    text: "insert into refetch_requests (source, entity, external_id, requested_at, next_send_at) \
           select i.source, i.entity, i.external_id, $4, $5 from unnest($1, $2, $3) as i (source, entity, external_id) \
           order by i.source, i.entity, i.external_id \
           on conflict (source, entity, external_id) do update set requested_at = excluded.requested_at",
    types: &[
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
    ],
};

static DUE: Sql = Sql {
    name: "refetch.due",
    text: "with due as (select source, entity, external_id from refetch_requests where next_send_at <= $1 \
           order by next_send_at limit $3 for update skip locked) \
           update refetch_requests r set next_send_at = greatest($2, $1 + ($1 - r.requested_at)) from due \
           where (r.source, r.entity, r.external_id) = (due.source, due.entity, due.external_id) \
           returning r.source, r.entity, r.external_id",
    types: &[Type::TIMESTAMPTZ, Type::TIMESTAMPTZ, Type::INT8],
};

static ANSWERED: Sql = Sql {
    name: "refetch.answered",
    // A tie found after the object was read asks for another look.
    text: "delete from refetch_requests \
           where source = $1 and entity = $2 and external_id = $3 and requested_at <= $4",
    types: &[Type::TEXT, Type::TEXT, Type::TEXT, Type::TIMESTAMPTZ],
};

static REMEMBER: Sql = Sql {
    name: "refetch.remember",
    text: "insert into refetch_requests (source, entity, external_id, requested_at, next_send_at) \
           select $1, $2, id, $4, $5 from unnest($3) as i (id) order by id on conflict do nothing",
    types: &[Type::TEXT, Type::TEXT, Type::TEXT_ARRAY, Type::TIMESTAMPTZ, Type::TIMESTAMPTZ],
};

static WANTED: Sql = Sql {
    name: "refetch.wanted",
    text: "select external_id from refetch_requests where source = $1 and entity = $2 and external_id = any($3)",
    types: &[Type::TEXT, Type::TEXT, Type::TEXT_ARRAY],
};

pub(crate) static STATEMENTS: &[&Sql] = &[&REQUEST, &DUE, &ANSWERED, &REMEMBER, &WANTED];

/// An object to read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refetch {
    /// The vendor.
    pub source: String,
    /// The kind of object.
    pub entity: String,
    /// The vendor's id of it.
    pub external_id: String,
}

/// Asks for objects, each by source, entity and id, to be read again; `relay` sends the request again from `resend_at` on.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn request(
    on: &impl GenericClient,
    objects: &[(&str, &str, &str)],
    now: Timestamp,
    resend_at: Timestamp,
) -> Result<(), StoreError> {
    let sources: Vec<&str> = objects.iter().map(|o| o.0).collect();
    let entities: Vec<&str> = objects.iter().map(|o| o.1).collect();
    let ids: Vec<&str> = objects.iter().map(|o| o.2).collect();
    REQUEST.execute(on, &[&sources, &entities, &ids, &now, &resend_at]).await.map(drop)
}

/// Writes down what somebody asked for by hand, before it is done: from then on `relay` sees to it.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn remember(
    on: &impl GenericClient,
    source: &str,
    entity: &str,
    ids: &[String],
    now: Timestamp,
    resend_at: Timestamp,
) -> Result<(), StoreError> {
    REMEMBER.execute(on, &[&source, &entity, &ids, &now, &resend_at]).await.map(drop)
}

/// Which of `ids` nobody has read since they were asked for.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn wanted(
    on: &impl GenericClient,
    source: &str,
    entity: &str,
    ids: &[String],
) -> Result<Vec<String>, StoreError> {
    let rows = WANTED.rows(on, &[&source, &entity, &ids]).await?;
    rows.iter().map(|row| row.read("external_id")).collect()
}

/// Up to `limit` requests that nobody has answered; each is left alone until `next_due`, and the longer
/// it has waited the longer.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn due(
    on: &impl GenericClient,
    now: Timestamp,
    next_due: Timestamp,
    limit: i64,
) -> Result<Vec<Refetch>, StoreError> {
    let rows = DUE.rows(on, &[&now, &next_due, &limit]).await?;
    let refetch = |row: &Row| {
        Ok(Refetch {
            source: row.read("source")?,
            entity: row.read("entity")?,
            external_id: row.read("external_id")?,
        })
    };
    rows.iter().map(refetch).collect()
}

/// The object was read at `read_at`: requests up to then are answered.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn answered(
    on: &impl GenericClient,
    source: &str,
    entity: &str,
    external_id: &str,
    read_at: Timestamp,
) -> Result<(), StoreError> {
    ANSWERED.execute(on, &[&source, &entity, &external_id, &read_at]).await.map(drop)
}
