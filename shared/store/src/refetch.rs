//! The `refetch_requests` table: objects that `fetch` is to read again. A webhook may only name an
//! object, two versions may carry the same second, and an operator may ask. The request is in
//! Postgres, so that a crash between commit and queue loses none.

pub mod ended;

use jiff::Timestamp;
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    refetch_requests.request: Request<'a> {
        sources: &'a [&'a str],
        entities: &'a [&'a str],
        external_ids: &'a [&'a str],
        pushed: bool,
        now: Timestamp,
        resend_at: Timestamp,
    }
    refetch_requests.request_later: RequestLater<'a> {
        source: &'a str,
        entity: &'a str,
        external_ids: &'a [String],
        now: Timestamp,
        read_at: Timestamp,
    }
    refetch_requests.claim: Claim<'a> {
        source: &'a str,
        entity: &'a str,
        share: i64,
        now: Timestamp,
        next_due: Timestamp,
    }
    refetch_requests.put_back: PutBack<'a> {
        source: &'a str,
        entity: &'a str,
        external_ids: &'a [&'a str],
        versions: &'a [&'a str],
        now: Timestamp,
    }
    refetch_requests.waits: Waits<'a> { source: &'a str, entity: &'a str, now: Timestamp }
    refetch_requests.due: Due { now: Timestamp }
    refetch_requests.answered: Answered<'a> {
        source: &'a str,
        entity: &'a str,
        external_id: &'a str,
        version: &'a str,
    }
    refetch_requests.failed: Failed<'a> {
        source: &'a str,
        entity: &'a str,
        external_id: &'a str,
        version: &'a str,
        error: &'a str,
        hopeless: bool,
        hoped_since: Timestamp,
        now: Timestamp,
    }
    refetch_requests.remember: Remember<'a> {
        source: &'a str,
        entity: &'a str,
        external_ids: &'a [String],
        now: Timestamp,
        resend_at: Timestamp,
    }
}

/// A kind of object of which some are to be read again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refetch {
    /// The name of the vendor's source.
    pub source: String,
    /// The kind of object, in the vendor's word.
    pub entity: String,
}

/// A request to read one object again, as it was before the vendor was asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wish {
    /// The vendor's id of the object.
    pub external_id: String,
    /// Tells the request from any that is committed later. Times cannot: a writer that began
    /// earlier may commit later.
    version: String,
}

/// Why objects are to be read again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cause {
    /// The vendor has pushed that they changed.
    Pushed,
    /// Two of their versions share a time-stamp and contradict each other.
    Tied,
}

/// Requests that objects, each named by source, entity and id, are read again. From `resend_at` on
/// `relay` announces them again.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn request(
    on: &impl GenericClient,
    objects: &[(&str, &str, &str)],
    cause: Cause,
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
        pushed: cause == Cause::Pushed,
        now,
        resend_at,
    };
    request.execute(on).await.map(drop)
}

/// Requests that objects are read again at `read_at`, and not before. `relay` announces them then.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn request_later(
    on: &impl GenericClient,
    source: &str,
    entity: &str,
    ids: &[String],
    now: Timestamp,
    read_at: Timestamp,
) -> Result<(), StoreError> {
    let later = RequestLater { source, entity, external_ids: ids, now, read_at };
    later.execute(on).await.map(drop)
}

/// Writes down objects that an operator asked for, before they are read: from then on `relay`
/// repeats the request. Returns each object once.
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
) -> Result<Vec<Wish>, StoreError> {
    let remember = Remember { source, entity, external_ids: ids, now, resend_at };
    remember.rows(on).await?.iter().map(wish).collect()
}

/// Claims objects to read now: of those that were pushed and of the others up to `share` each,
/// the longest requested first. Each is left alone until `next_due`, or longer the longer it has
/// waited.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn claim(
    on: &impl GenericClient,
    source: &str,
    entity: &str,
    share: i64,
    now: Timestamp,
    next_due: Timestamp,
) -> Result<Vec<Wish>, StoreError> {
    let rows = Claim { source, entity, share, now, next_due }.rows(on).await?;
    rows.iter().map(wish).collect()
}

fn wish(row: &Row) -> Result<Wish, StoreError> {
    Ok(Wish { external_id: row.read("external_id")?, version: row.read("version")? })
}

/// Returns claimed objects that were not asked for to those that wait, unless they were requested
/// or claimed again since.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn put_back(
    on: &impl GenericClient,
    source: &str,
    entity: &str,
    wishes: &[Wish],
    now: Timestamp,
) -> Result<(), StoreError> {
    let external_ids: Vec<&str> = wishes.iter().map(|wish| wish.external_id.as_str()).collect();
    let versions: Vec<&str> = wishes.iter().map(|wish| wish.version.as_str()).collect();
    let (external_ids, versions) = (&*external_ids, &*versions);
    PutBack { source, entity, external_ids, versions, now }.execute(on).await.map(drop)
}

/// Returns whether objects of this entity wait that can be claimed now.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn waits(
    on: &impl GenericClient,
    source: &str,
    entity: &str,
    now: Timestamp,
) -> Result<bool, StoreError> {
    match (Waits { source, entity, now }).optional(on).await? {
        Some(row) => row.read("waits"),
        None => Ok(false),
    }
}

/// Returns the entities with requests that were due to be answered by `now`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn due(on: &impl GenericClient, now: Timestamp) -> Result<Vec<Refetch>, StoreError> {
    let rows = Due { now }.rows(on).await?;
    let refetch =
        |row: &Row| Ok(Refetch { source: row.read("source")?, entity: row.read("entity")? });
    rows.iter().map(refetch).collect()
}

/// Deletes the request for an object that was read, unless it was made again since `wish` was
/// claimed.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn answered(
    on: &impl GenericClient,
    source: &str,
    entity: &str,
    wish: &Wish,
) -> Result<(), StoreError> {
    let Wish { external_id, version } = wish;
    Answered { source, entity, external_id, version }.execute(on).await.map(drop)
}

/// Why an object could not be read.
#[derive(Debug, Clone, Copy)]
pub struct Failure<'a> {
    /// The reason, without any value of a body.
    pub error: &'a str,
    /// Whether no other answer can be expected.
    pub hopeless: bool,
    /// An object whose reads have failed since before this is not tried any more.
    pub hoped_since: Timestamp,
}

/// Notes that an object could not be read at `now`. Returns whether its request has ended with
/// that: it is not tried any more, unless it is requested again.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn failed(
    on: &impl GenericClient,
    source: &str,
    entity: &str,
    wish: &Wish,
    failure: Failure<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let (Wish { external_id, version }, Failure { error, hopeless, hoped_since }) = (wish, failure);
    let failed = Failed { source, entity, external_id, version, error, hopeless, hoped_since, now };
    match failed.optional(on).await? {
        Some(row) => row.read("ended"),
        None => Ok(false),
    }
}
