//! The rows that a request makes, under ids that are fixed before they are stored.

use std::borrow::Cow;

use jiff::Timestamp;
use penstock_domain::intake::{
    Batch, CONFLICTING_EVENT, EVENT, EVENTS, Intake, LEADS, LeadState, NewEvent,
};
use uuid::Uuid;

use crate::outbox::Arrival;
use crate::outbox::insert::{NewRow, NewRows};

/// When a request is stored.
#[derive(Clone, Copy)]
pub(super) struct Times {
    pub now: Timestamp,
    /// From then on `relay` takes its tickets for lost.
    pub ticket_due_at: Timestamp,
}

/// Makes the row of a lead. Its version key is its body's hash: the same body twice is one row.
pub(super) fn of_lead(
    intake: &Intake,
    state: LeadState,
    external_id: Uuid,
    times: Times,
) -> NewRows<'_> {
    let row = NewRow {
        entity: state.entity(),
        external_id: Cow::Owned(external_id.to_string()),
        version_key: Cow::Owned(hex::encode(intake.body_sha256())),
        version_at: intake.received_at,
        api_version: None,
        payload: intake.body(),
    };
    NewRows::new(arrival(intake, LEADS, times), times.now, [row].into_iter())
}

/// Makes the rows of the good events of a batch. An id is its sender's own: of each sender the
/// first event of an id is kept, even if another comes under the id later.
pub(super) fn of_events<'a>(
    intake: &'a Intake,
    batch: &'a Batch<'_>,
    sender_key: &'a str,
    times: Times,
) -> NewRows<'a> {
    let row = |(place, event): (usize, &'a NewEvent<'_>)| {
        let (external_id, version_key) = match &event.event_id {
            Some(id) => (Cow::Borrowed(id.as_str()), Cow::Borrowed(sender_key)),
            // The id derives from the request, so it is nobody else's.
            None => (Cow::Owned(intake.event_id(place)), Cow::Borrowed("1")),
        };
        row_of_event(intake, EVENT, event, external_id, version_key)
    };
    let events = batch.events.iter().enumerate();
    let good: Vec<_> =
        events.filter_map(|(place, event)| Some((place, event.as_ref().ok()?))).collect();
    NewRows::new(arrival(intake, EVENTS, times), times.now, good.into_iter().map(row))
}

/// Makes the rows of events whose sender had used their ids before, for others. The same again is
/// the same row.
pub(super) fn of_conflicting<'a>(
    intake: &'a Intake,
    events: &[&'a NewEvent<'_>],
    sender_key: &str,
    times: Times,
) -> NewRows<'a> {
    let row = |event: &&'a NewEvent<'_>| {
        let version_key = format!("{sender_key}:{}", hex::encode(event.sha256()));
        let external_id = Cow::Borrowed(event.event_id.as_deref().unwrap_or_default());
        row_of_event(intake, CONFLICTING_EVENT, event, external_id, Cow::Owned(version_key))
    };
    NewRows::new(arrival(intake, EVENTS, times), times.now, events.iter().map(row))
}

/// Returns the version key of the first event of an id, which the sender has chosen.
pub(super) fn sender_key(intake: &Intake) -> String {
    format!("from:{}", intake.sender.namespace())
}

fn row_of_event<'a>(
    intake: &Intake,
    entity: &'a str,
    event: &'a NewEvent<'_>,
    external_id: Cow<'a, str>,
    version_key: Cow<'a, str>,
) -> NewRow<'a> {
    let version_at = event.occurred_at.unwrap_or(intake.received_at);
    let payload = event.text.as_bytes();
    NewRow { entity, external_id, version_key, version_at, api_version: None, payload }
}

fn arrival<'a>(intake: &'a Intake, source: &'a str, times: Times) -> Arrival<'a> {
    let mut media = intake.sent().media();
    if source == EVENTS {
        // An event is cut from the inflated body.
        media.content_encoding = None;
    }
    Arrival {
        source,
        media,
        sender: intake.sender.name.as_deref(),
        query: intake.sent().query.as_deref(),
        run: None,
        received_at: intake.received_at,
        ticket_due_at: times.ticket_due_at,
    }
}
