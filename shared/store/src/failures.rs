//! Failures: dead rows, rows that are tried in vain, and messages that never became rows. The view
//! `failures` is one list of them, and every statement reads a bounded part of it.

use jiff::Timestamp;
use penstock_domain::ids::{OutboxId, RunId};
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Chosen, Row, StoreError};

statements! {
    failures.list: List<'a> {
        failed_at: Option<Timestamp>,
        id: Option<Uuid>,
        vendor: Option<&'a str>,
        connection: Option<&'a str>,
        entity: Option<&'a str>,
        error_kind: Option<&'a str>,
        reason: Option<&'a str>,
        external_id: Option<&'a str>,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        limit: i64,
        skip: i64,
    }
    failures.causes: Causes<'a> {
        vendor: Option<&'a str>,
        connection: Option<&'a str>,
        entity: Option<&'a str>,
        error_kind: Option<&'a str>,
        reason: Option<&'a str>,
        external_id: Option<&'a str>,
        since: Option<Timestamp>,
        until: Option<Timestamp>,
        most: i64,
        limit: i64,
    }
    failures.count: Count { most: i64 }
    failures.find: Find { id: Uuid }
    failed_attempts.list: ListAttempts { outbox_id: Uuid, limit: i64 }
}

/// The failures that a caller asks about. A field that is `None` leaves none out.
#[derive(Debug, Clone, Copy, Default)]
pub struct Filter<'a> {
    /// Those of these connections.
    pub chosen: Chosen<'a>,
    /// Those of this kind of object.
    pub entity: Option<&'a str>,
    /// Those whose reason is of this kind.
    pub error_kind: Option<&'a str>,
    /// Those whose reason has this text in it, in capital or small letters.
    pub reason: Option<&'a str>,
    /// Those of this object.
    pub external_id: Option<&'a str>,
    /// Those that failed at this time or later.
    pub since: Option<Timestamp>,
    /// Those that failed before this time.
    pub until: Option<Timestamp>,
}

/// A row or a message that failed, with its newest error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// The dead letter; of a row that is tried in vain, the row itself.
    pub id: Uuid,
    /// The row of the outbox; `None` for a message that never became one.
    pub outbox_id: Option<OutboxId>,
    /// The id that SQS gave the message.
    pub message_id: Option<String>,
    /// The run that fetched the row.
    pub run: Option<RunId>,
    /// The name of the vendor, and that of the connection.
    pub vendor: Option<String>,
    pub source: Option<String>,
    pub entity: Option<String>,
    pub external_id: Option<String>,
    /// The class and the kind of the reason, and the field to blame, as a JSON pointer.
    pub error_class: String,
    pub error_kind: String,
    pub error_field: Option<String>,
    /// The newest error, and that error without its values.
    pub error: String,
    pub reason: String,
    pub attempts: i32,
    pub failed_at: Timestamp,
    /// When it was replayed last, and how often.
    pub replayed_at: Option<Timestamp>,
    pub replay_count: i32,
    /// The status of the row of the outbox: `pending` or `dead`.
    pub status: Option<String>,
}

/// The place where a page begins.
#[derive(Debug, Clone, Copy)]
pub enum From {
    /// Behind this failure.
    Behind(Timestamp, Uuid),
    /// Behind so many failures. Rows that come or go meanwhile shift the page.
    Skipping(i64),
}

/// Returns up to `limit` failures, the newest first.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn list(
    on: &impl GenericClient,
    filter: Filter<'_>,
    from: From,
    limit: i64,
) -> Result<Vec<Failure>, StoreError> {
    let (failed_at, id, skip) = match from {
        From::Behind(failed_at, id) => (Some(failed_at), Some(id), 0),
        From::Skipping(rows) => (None, None, rows),
    };
    let Chosen { vendor, connection } = filter.chosen;
    let Filter { entity, error_kind, reason, external_id, since, until, .. } = filter;
    let list = List {
        failed_at,
        id,
        vendor,
        connection,
        entity,
        error_kind,
        reason,
        external_id,
        since,
        until,
        limit,
        skip,
    };
    list.rows(on).await?.iter().map(failure).collect()
}

fn failure(row: &Row) -> Result<Failure, StoreError> {
    Ok(Failure {
        id: row.read("id")?,
        outbox_id: row.read::<Option<_>>("outbox_id")?.map(OutboxId),
        message_id: row.read("message_id")?,
        run: row.read::<Option<_>>("run_id")?.map(RunId),
        vendor: row.read("vendor")?,
        source: row.read("source")?,
        entity: row.read("entity")?,
        external_id: row.read("external_id")?,
        error_class: row.read("error_class")?,
        error_kind: row.read("error_kind")?,
        error_field: row.read("error_field")?,
        error: row.read("error")?,
        reason: row.read("reason")?,
        attempts: row.read("attempts")?,
        failed_at: row.read("failed_at")?,
        replayed_at: row.read("replayed_at")?,
        replay_count: row.read("replay_count")?,
        status: row.read("status")?,
    })
}

/// Failures that have one cause.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cause {
    /// The class and the kind of the reason, and the error without its values.
    pub error_class: String,
    pub error_kind: String,
    pub reason: String,
    pub count: i64,
    /// The first and the last failure of it.
    pub first_at: Timestamp,
    pub last_at: Timestamp,
    /// The connections, and the kinds of objects.
    pub sources: Vec<String>,
    pub entities: Vec<String>,
    /// The newest failure of it.
    pub newest: Uuid,
}

/// No more letters are counted by their causes.
pub const MOST_COUNTED: i64 = 100_000;

/// Returns up to `limit` causes, that with the newest failure first, and whether there are more
/// letters than the [`MOST_COUNTED`] newest, which alone were looked at.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn causes(
    on: &impl GenericClient,
    filter: Filter<'_>,
    limit: i64,
) -> Result<(Vec<Cause>, bool), StoreError> {
    let Chosen { vendor, connection } = filter.chosen;
    let Filter { entity, error_kind, reason, external_id, since, until, .. } = filter;
    let causes = Causes {
        vendor,
        connection,
        entity,
        error_kind,
        reason,
        external_id,
        since,
        until,
        most: MOST_COUNTED,
        limit,
    };
    let rows = causes.rows(on).await?;
    let is_capped = rows.first().map(|row| row.read("is_capped")).transpose()?.unwrap_or(false);
    let cause = |row: &Row| {
        Ok(Cause {
            error_class: row.read("error_class")?,
            error_kind: row.read("error_kind")?,
            reason: row.read("reason")?,
            count: row.read("count")?,
            first_at: row.read("first_at")?,
            last_at: row.read("last_at")?,
            sources: row.read("sources")?,
            entities: row.read("entities")?,
            newest: row.read("newest")?,
        })
    };
    Ok((rows.iter().map(cause).collect::<Result<_, StoreError>>()?, is_capped))
}

/// The failures of one connection and one kind of object. Those of messages may name neither.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Counted {
    /// The name of the vendor, and that of the connection.
    pub vendor: Option<String>,
    pub source: Option<String>,
    pub entity: Option<String>,
    pub count: i64,
}

/// Counts failures by connection and kind of object: those of the [`MOST_COUNTED`] newest letters,
/// and all rows that are tried in vain.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn count(on: &impl GenericClient) -> Result<Vec<Counted>, StoreError> {
    let counted = |row: &Row| {
        let (vendor, source) = (row.read("vendor")?, row.read("source")?);
        Ok(Counted { vendor, source, entity: row.read("entity")?, count: row.read("count")? })
    };
    Count { most: MOST_COUNTED }.rows(on).await?.iter().map(counted).collect()
}

/// A row of the outbox, or the letter of a message, with all that is known of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The row of the outbox; `None` for a message that never became one.
    pub outbox_id: Option<OutboxId>,
    /// The dead letter of the row or of the message.
    pub letter_id: Option<Uuid>,
    pub message_id: Option<String>,
    /// The name of the vendor, and that of the connection.
    pub vendor: Option<String>,
    pub source: Option<String>,
    pub entity: Option<String>,
    pub external_id: Option<String>,
    pub version_key: Option<String>,
    pub version_at: Option<Timestamp>,
    pub api_version: Option<String>,
    /// Byte for byte as received.
    pub payload: Vec<u8>,
    pub content_type: Option<String>,
    pub content_encoding: Option<String>,
    /// The name of the key that sent it, and its query.
    pub sender: Option<String>,
    pub query: Option<String>,
    pub run: Option<RunId>,
    /// `pending`, `processed` or `dead`; `None` for a message.
    pub status: Option<String>,
    pub attempts: i32,
    pub crashes: i32,
    pub error_class: Option<String>,
    pub error_kind: Option<String>,
    /// The field to blame, as a JSON pointer into the payload.
    pub error_field: Option<String>,
    pub error: Option<String>,
    pub received_at: Option<Timestamp>,
    pub processed_at: Option<Timestamp>,
    pub next_attempt_at: Option<Timestamp>,
    /// When its letter was written last, when it was replayed last, and how often.
    pub died_at: Option<Timestamp>,
    pub replayed_at: Option<Timestamp>,
    pub replay_count: i32,
}

/// Returns the row, or the letter, that has this id.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn find(on: &impl GenericClient, id: Uuid) -> Result<Option<Event>, StoreError> {
    Find { id }.optional(on).await?.as_ref().map(event).transpose()
}

fn event(row: &Row) -> Result<Event, StoreError> {
    Ok(Event {
        outbox_id: row.read::<Option<_>>("outbox_id")?.map(OutboxId),
        letter_id: row.read("letter_id")?,
        message_id: row.read("message_id")?,
        vendor: row.read("vendor")?,
        source: row.read("source")?,
        entity: row.read("entity")?,
        external_id: row.read("external_id")?,
        version_key: row.read("version_key")?,
        version_at: row.read("version_at")?,
        api_version: row.read("api_version")?,
        payload: row.read("payload")?,
        content_type: row.read("content_type")?,
        content_encoding: row.read("content_encoding")?,
        sender: row.read("sender")?,
        query: row.read("query")?,
        run: row.read::<Option<_>>("run_id")?.map(RunId),
        status: row.read("status")?,
        attempts: row.read("attempts")?,
        crashes: row.read::<Option<_>>("crashes")?.unwrap_or(0),
        error_class: row.read("error_class")?,
        error_kind: row.read("error_kind")?,
        error_field: row.read("error_field")?,
        error: row.read("error")?,
        received_at: row.read("received_at")?,
        processed_at: row.read("processed_at")?,
        next_attempt_at: row.read("next_attempt_at")?,
        died_at: row.read("died_at")?,
        replayed_at: row.read("replayed_at")?,
        replay_count: row.read::<Option<_>>("replay_count")?.unwrap_or(0),
    })
}

/// An attempt at a row that failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attempt {
    pub failed_at: Timestamp,
    /// The attempts at the row so far, since it was replayed last.
    pub attempts: i32,
    /// Whether the row was dead after it.
    pub died: bool,
    pub error_class: String,
    pub error_kind: String,
    pub error_field: Option<String>,
    pub error: String,
}

/// Returns the attempts at a row that failed, the first first, at most `limit`.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn attempts(
    on: &impl GenericClient,
    row: OutboxId,
    limit: i64,
) -> Result<Vec<Attempt>, StoreError> {
    let attempt = |row: &Row| {
        Ok(Attempt {
            failed_at: row.read("failed_at")?,
            attempts: row.read("attempts")?,
            died: row.read("died")?,
            error_class: row.read("error_class")?,
            error_kind: row.read("error_kind")?,
            error_field: row.read("error_field")?,
            error: row.read("error")?,
        })
    };
    ListAttempts { outbox_id: row.0, limit }.rows(on).await?.iter().map(attempt).collect()
}
