//! The replies to a sender.

use penstock_domain::intake::{
    Batch, Fault, Intake, LONGEST_BODY, LeadState, MOST_EVENTS, NewEvent, NotEvents, NotInflated,
    NotText, Reading, Route,
};
use penstock_edge::http::{Failure, FieldError, Problem, Reply, StatusCode};
use penstock_store::intake::{Answer, Known};
use serde::Serialize;
use uuid::Uuid;

use crate::good;

/// The most faults that one reply lists.
const MOST_FAULTS: usize = 100;

/// The reply to a lead.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "LeadReply"))]
pub struct LeadReply {
    /// Always true.
    ok: bool,
    /// The lead's id. If Postgres was away and the same Idempotency-Key was used for another body
    /// at that time, only one of the two becomes the lead.
    lead_id: Uuid,
    /// Whether the same had come before under its Idempotency-Key.
    deduplicated: bool,
}

/// The reply to events.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "EventsReply"))]
#[serde(rename_all = "camelCase")]
pub struct EventsReply {
    /// Whether all of them were taken.
    success: bool,
    /// The same for people.
    message: String,
    /// How many were taken, including those that were known before.
    count: usize,
    /// The ids of those, in the order of the request.
    event_ids: Vec<String>,
    /// The id, if one event came alone.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    /// The result of each event, in the order of the request.
    results: Vec<EventResult>,
}

/// The result of one event.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "EventResult"))]
#[serde(rename_all = "camelCase")]
pub struct EventResult {
    /// Its place in the request.
    index: usize,
    /// The outcome for this event.
    status: EventStatus,
    /// Its id, unless it was rejected.
    #[serde(skip_serializing_if = "Option::is_none")]
    event_id: Option<String>,
    /// The faults of the event, if it was not taken.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    errors: Vec<FieldError>,
}

/// The outcome for one event.
#[derive(Debug, Clone, Copy, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "EventStatus"))]
#[serde(rename_all = "lowercase")]
pub enum EventStatus {
    /// It is kept.
    Accepted,
    /// The same event was known before.
    Duplicate,
    /// Its id was known before, for an event that says something else. That one stands. This one is
    /// kept beside it, and is no event.
    Conflicting,
    /// It is not an event; the others are not affected.
    Rejected,
}

impl EventStatus {
    fn is_taken(self) -> bool {
        matches!(self, Self::Accepted | Self::Duplicate)
    }
}

/// The reply to a body that holds no events.
pub(crate) fn not_events(error: NotEvents) -> Problem {
    match error {
        NotEvents::TooMany(_) => {
            Problem::too_much(format!("The array holds more than {MOST_EVENTS} events."))
        }
        NotEvents::NotText(NotText::NotInflated(NotInflated::TooLong)) => {
            Problem::too_large(LONGEST_BODY)
        }
        NotEvents::NotText(NotText::NotInflated(error)) => Problem::invalid(vec![FieldError {
            pointer: "#/header/Content-Encoding".to_owned(),
            detail: error.to_string(),
        }]),
        other => Problem::invalid(vec![FieldError {
            pointer: "#".to_owned(),
            detail: other.to_string(),
        }]),
    }
}

/// Refuses a request with a 400 that names its faults, if no event is good, or if one is bad and
/// the request is atomic.
pub(crate) fn refuse_bad(batch: &Batch<'_>, route: Route) -> Result<(), Problem> {
    let bad = batch.events.len() - good(batch);
    let atomic = route == Route::Events { atomic: true };
    if bad == 0 || (good(batch) > 0 && !atomic) {
        return Ok(());
    }
    let faults = batch.events.iter().filter_map(|event| event.as_ref().err()).flatten();
    Err(Problem::invalid(faults.take(MOST_FAULTS).map(told).collect()))
}

fn told(fault: &Fault) -> FieldError {
    FieldError { pointer: fault.pointer.clone(), detail: fault.detail.clone() }
}

/// The reply to a committed request.
pub(crate) fn kept(
    intake: &Intake,
    reading: &Reading<'_>,
    told: &Answer,
) -> Result<Reply, Failure> {
    let (replayed, known) = match told {
        Answer::New(known) => (false, known),
        Answer::Replay(known) => (true, known),
        Answer::Conflict { first } => return Err(conflict(intake, reading, first).into()),
    };
    let reply = match reading {
        Reading::Lead(state) => lead(intake, *state, replayed)?,
        Reading::Events(batch) => events(intake, batch, known)?,
    };
    Ok(if replayed { reply.replayed() } else { reply })
}

/// The reply to a request that waits on the queue `spill`.
pub(crate) fn spilled(intake: &Intake, reading: &Reading<'_>) -> Result<Reply, Failure> {
    match reading {
        Reading::Lead(LeadState::Rejected) => Err(unreadable().into()),
        Reading::Lead(_) => {
            let lead_id = intake.lead_id(&intake.body_sha256());
            let reply = LeadReply { ok: true, lead_id, deduplicated: false };
            Reply::json(StatusCode::ACCEPTED, &reply)
        }
        Reading::Events(batch) => events(intake, batch, &Known::default()),
    }
}

fn lead(intake: &Intake, state: LeadState, deduplicated: bool) -> Result<Reply, Failure> {
    let lead_id = intake.lead_id(&intake.body_sha256());
    let reply = LeadReply { ok: true, lead_id, deduplicated };
    match (intake.route, state, deduplicated) {
        (_, LeadState::Rejected, _) => Err(unreadable().into()),
        (Route::ApiLead, _, true) => Err(known_lead("This lead is known already.", lead_id).into()),
        (_, _, true) => Reply::json(StatusCode::OK, &reply),
        (_, _, false) => Reply::json(StatusCode::CREATED, &reply),
    }
}

/// The reply to a body that is no lead, in the words of older senders. The body is kept all the
/// same.
fn unreadable() -> Problem {
    Problem::bad_request(
        "invalid-payload",
        "The body is neither a JSON object nor a form. It is kept as it came.",
    )
    .with("ok", false)
    .with("error", "invalid_payload")
}

/// The reply to older senders if their lead is there already, in their words.
fn known_lead(detail: &'static str, lead_id: Uuid) -> Problem {
    Problem::conflict("duplicate-lead", detail)
        .with("ok", true)
        .with("lead_id", lead_id.to_string())
        .with("deduplicated", true)
}

fn conflict(intake: &Intake, reading: &Reading<'_>, first: &[u8; 32]) -> Problem {
    let lead =
        "This Idempotency-Key came with another body before. This body is kept, but is no lead.";
    match (reading, intake.route) {
        (Reading::Lead(_), Route::ApiLead) => known_lead(lead, intake.lead_id(first)),
        (Reading::Lead(_), _) => Problem::key_reused(lead),
        (Reading::Events(_), _) => Problem::key_reused(
            "This Idempotency-Key came with another body before. These events are not taken.",
        ),
    }
}

fn message(taken: usize, all: usize, conflicts: usize) -> String {
    let taken =
        if taken == all { format!("{taken} taken") } else { format!("{taken} of {all} taken") };
    match conflicts {
        0 => taken,
        n => format!("{taken}; {n} kept as conflicting, because the id stands for another event"),
    }
}

/// The reply to events: 201 to older senders, who know no other success; else 202.
fn events(intake: &Intake, batch: &Batch<'_>, known: &Known) -> Result<Reply, Failure> {
    let reply = results(intake, batch, known);
    let is_created = batch.is_older() && reply.success;
    Reply::json(if is_created { StatusCode::CREATED } else { StatusCode::ACCEPTED }, &reply)
}

fn results(intake: &Intake, batch: &Batch<'_>, known: &Known) -> EventsReply {
    let has = |places: &[usize], index: usize| places.binary_search(&index).is_ok();
    let result = |(index, event): (usize, &Result<NewEvent<'_>, Vec<Fault>>)| match event {
        Ok(event) => EventResult {
            index,
            status: if has(&known.conflicts, index) {
                EventStatus::Conflicting
            } else if has(&known.duplicates, index) {
                EventStatus::Duplicate
            } else {
                EventStatus::Accepted
            },
            event_id: Some(event.event_id.clone().unwrap_or_else(|| intake.event_id(index))),
            errors: Vec::new(),
        },
        Err(faults) => EventResult {
            index,
            status: EventStatus::Rejected,
            event_id: None,
            errors: faults.iter().take(MOST_FAULTS).map(told).collect(),
        },
    };
    let results: Vec<EventResult> = batch.events.iter().enumerate().map(result).collect();
    let taken = results.iter().filter(|result| result.status.is_taken());
    let event_ids: Vec<String> = taken.filter_map(|result| result.event_id.clone()).collect();
    let (count, all) = (event_ids.len(), batch.events.len());
    EventsReply {
        success: count == all,
        message: message(count, all, known.conflicts.len()),
        count,
        event_id: event_ids.first().filter(|_| batch.single).cloned(),
        event_ids,
        results,
    }
}
