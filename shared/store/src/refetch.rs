//! The `refetch_requests` table: objects that `fetch` should read again, because two versions of them
//! carry the same second. Kept in Postgres, so that a crash between commit and queue forgets none.

use jiff::Timestamp;
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    refetch_requests.request: Request<'a> {
        sources: &'a [&'a str],
        entities: &'a [&'a str],
        external_ids: &'a [&'a str],
        now: Timestamp,
        resend_at: Timestamp,
    }
    refetch_requests.due: Due { now: Timestamp, next_due: Timestamp, limit: i64 }
    refetch_requests.answered: Answered<'a> {
        source: &'a str,
        entity: &'a str,
        external_id: &'a str,
        read_at: Timestamp,
    }
    refetch_requests.remember: Remember<'a> {
        source: &'a str,
        entity: &'a str,
        external_ids: &'a [String],
        now: Timestamp,
        resend_at: Timestamp,
    }
    refetch_requests.wanted: Wanted<'a> {
        source: &'a str,
        entity: &'a str,
        external_ids: &'a [String],
    }
}

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
    let external_ids: Vec<&str> = objects.iter().map(|o| o.2).collect();
    let request = Request {
        sources: &sources,
        entities: &entities,
        external_ids: &external_ids,
        now,
        resend_at,
    };
    request.execute(on).await.map(drop)
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
    let remember = Remember { source, entity, external_ids: ids, now, resend_at };
    remember.execute(on).await.map(drop)
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
    let rows = Wanted { source, entity, external_ids: ids }.rows(on).await?;
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
    let rows = Due { now, next_due, limit }.rows(on).await?;
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
    Answered { source, entity, external_id, read_at }.execute(on).await.map(drop)
}
