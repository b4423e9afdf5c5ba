//! The `refetch_requests` table: objects that `fetch` is to read again. A webhook may only name an
//! object, two versions may carry the same second, and an operator may ask. The request is in
//! Postgres, so that a crash between commit and queue loses none.

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
    refetch_requests.pending: Pending<'a> {
        source: &'a str,
        entity: &'a str,
        external_ids: &'a [String],
    }
}

/// An object that is to be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refetch {
    /// The name of the vendor's source.
    pub source: String,
    /// The kind of object, in the vendor's word.
    pub entity: String,
    /// The vendor's id of the object.
    pub external_id: String,
}

/// Requests that objects, each named by source, entity and id, are read again. From `resend_at` on
/// `relay` sends the request again.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
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

/// Writes down objects that an operator asked for, before they are read: from then on `relay`
/// repeats the request.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
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

/// Returns those of `ids` that were not read since they were requested.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn pending(
    on: &impl GenericClient,
    source: &str,
    entity: &str,
    ids: &[String],
) -> Result<Vec<String>, StoreError> {
    let rows = Pending { source, entity, external_ids: ids }.rows(on).await?;
    rows.iter().map(|row| row.read("external_id")).collect()
}

/// Returns up to `limit` requests that are due and not answered. Each is left alone until
/// `next_due`, or longer the longer it has waited.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
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

/// Deletes the request for an object that was read at `read_at`, unless it was made later.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn answered(
    on: &impl GenericClient,
    source: &str,
    entity: &str,
    external_id: &str,
    read_at: Timestamp,
) -> Result<(), StoreError> {
    Answered { source, entity, external_id, read_at }.execute(on).await.map(drop)
}
