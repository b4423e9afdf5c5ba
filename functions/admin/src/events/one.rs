//! `GET /admin/events/{id}`: one row, with what came in and what became of it.

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::access::ApiKey;
use penstock_domain::clock::Clock;
use penstock_domain::redaction::Redactions;
use penstock_edge::http::{Call, Failure, Problem, Reply, StatusCode};
use penstock_store::StoreError;
use penstock_store::failures::{self, Attempt, Event};
use serde::Serialize;
use uuid::Uuid;

use super::payload::Payload;
use crate::Ports;

/// No more attempts of a row are listed.
const MOST_ATTEMPTS: i64 = 200;

/// A row of the outbox, or a message that never became one.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "OutboxEvent"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventReply {
    /// The row; null for a message.
    outbox_id: Option<Uuid>,
    /// Its dead letter, if it ever had one.
    dead_letter_id: Option<Uuid>,
    /// The id that SQS gave the message.
    message_id: Option<String>,
    /// `pending`, `processed` or `dead`; `message` if it never became a row.
    status: String,
    source: Option<String>,
    connection: Option<String>,
    /// The kind of object in the vendor's word.
    entity: Option<String>,
    /// The vendor's id of the object.
    external_id: Option<String>,
    /// Tells this version of the object from others.
    version_key: Option<String>,
    /// When this version was current.
    version_at: Option<Timestamp>,
    api_version: Option<String>,
    payload: Payload,
    content_type: Option<String>,
    content_encoding: Option<String>,
    /// The name of the key that sent it.
    sender: Option<String>,
    /// Whether it came with a query. Its text may name a person, and stands in the database only.
    has_query: bool,
    /// The run that fetched it.
    run_id: Option<Uuid>,
    received_at: Option<Timestamp>,
    processed_at: Option<Timestamp>,
    /// When its next ticket is sent, if it is pending and this one is lost.
    next_attempt_at: Option<Timestamp>,
    /// Attempts that did not end, since it was replayed last.
    attempts: i32,
    /// How often a process is known to have died while it worked on this row alone.
    crashes: i32,
    /// The newest error, its class and the field to blame; null once it is processed.
    error_class: Option<String>,
    error_kind: Option<String>,
    error_field: Option<String>,
    error: Option<String>,
    /// When it was dead last.
    died_at: Option<Timestamp>,
    replayed_at: Option<Timestamp>,
    /// How often it was replayed.
    replay_count: i32,
    /// The attempts that failed, the first first; 200 at most.
    failed_attempts: Vec<AttemptReply>,
}

/// An attempt at a row that failed.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "FailedAttempt"))]
#[serde(rename_all = "camelCase")]
struct AttemptReply {
    failed_at: Timestamp,
    /// Whether the row was dead after it.
    died: bool,
    error_class: String,
    error_kind: String,
    /// The field to blame, as a JSON pointer into the payload.
    error_field: Option<String>,
    error: String,
}

impl EventReply {
    fn of(event: Event, attempts: Vec<Attempt>, redactions: &Redactions) -> Self {
        let payload = Payload::of(&event.payload, event.vendor.as_deref(), redactions);
        let attempt = |attempt: Attempt| AttemptReply {
            failed_at: attempt.failed_at,
            died: attempt.died,
            error_class: attempt.error_class,
            error_kind: attempt.error_kind,
            error_field: attempt.error_field,
            error: attempt.error,
        };
        let is_processed = event.status.as_deref() == Some("processed");
        Self {
            outbox_id: event.outbox_id.map(|id| id.0),
            dead_letter_id: event.letter_id,
            message_id: event.message_id,
            status: event.status.unwrap_or_else(|| "message".to_owned()),
            source: event.vendor,
            connection: event.source,
            entity: event.entity,
            external_id: event.external_id,
            version_key: event.version_key,
            version_at: event.version_at,
            api_version: event.api_version,
            payload,
            content_type: event.content_type,
            content_encoding: event.content_encoding,
            sender: event.sender,
            has_query: event.query.is_some_and(|query| !query.is_empty()),
            run_id: event.run.map(|run| run.0),
            received_at: event.received_at,
            processed_at: event.processed_at,
            next_attempt_at: event.next_attempt_at,
            attempts: event.attempts,
            crashes: event.crashes,
            error_class: event.error_class.filter(|_| !is_processed),
            error_kind: event.error_kind.filter(|_| !is_processed),
            error_field: event.error_field.filter(|_| !is_processed),
            error: event.error.filter(|_| !is_processed),
            died_at: event.died_at,
            replayed_at: event.replayed_at,
            replay_count: event.replay_count,
            failed_attempts: attempts.into_iter().map(attempt).collect(),
        }
    }
}

/// The id in the path. One that is no UUID names nothing.
pub(crate) fn id(call: &Call<'_, ApiKey>) -> Result<Uuid, Problem> {
    let id = call.path("id").and_then(|id| Uuid::try_parse(&id).ok());
    id.ok_or_else(|| Problem::not_found("There is no such event."))
}

/// `GET /admin/events/{id}`: by the id of the row, or of its dead letter.
pub(crate) async fn find<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, ApiKey>,
) -> Result<Reply, Failure> {
    let id = id(&call)?;
    let reading = async {
        let connection = ports.database.connection().await?;
        let on = &**connection;
        let Some(event) = failures::find(on, id).await? else { return Ok(None) };
        let attempts = match event.outbox_id {
            Some(row) => failures::attempts(on, row, MOST_ATTEMPTS).await?,
            None => Vec::new(),
        };
        Ok::<_, StoreError>(Some((event, attempts)))
    };
    let found = ports.database.in_time(reading).await?;
    let (event, attempts) = found.ok_or_else(|| Problem::not_found("There is no such event."))?;
    // Who reads what came in is told in the log: it may be about a person.
    let (who, request_id) = (call.caller.name.as_str(), call.id.as_str());
    tracing::info!(event = "event_read", who, request_id, outbox_id = %id);
    Reply::json(StatusCode::OK, &EventReply::of(event, attempts, &ports.config.redactions))
}
