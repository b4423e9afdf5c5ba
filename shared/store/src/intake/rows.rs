//! The rows that a request makes, under ids that are fixed before they are stored.

use std::borrow::Cow;

use jiff::Timestamp;
use penstock_domain::intake::{Batch, EVENT, EVENTS, Intake, LEADS, LeadState, NewEvent};
use uuid::Uuid;

use crate::outbox::Arrival;
use crate::outbox::insert::{NewRow, NewRows};

/// Makes the row of a lead. Its version key is its body's hash: the same body twice is one row.
pub(super) fn of_lead(
    intake: &Intake,
    state: LeadState,
    external_id: Uuid,
    ticket_due_at: Timestamp,
) -> NewRows<'_> {
    let row = NewRow {
        entity: state.entity(),
        external_id: Cow::Owned(external_id.to_string()),
        version_key: Cow::Owned(hex::encode(intake.body_sha256())),
        version_at: intake.received_at,
        api_version: None,
        payload: intake.body(),
    };
    NewRows::new(arrival(intake, LEADS, ticket_due_at), [row].into_iter())
}

/// Makes the rows of the good events of a batch. All have one version key: the first event of an id
/// is kept, even if another comes under the id later.
pub(super) fn of_events<'a>(
    intake: &'a Intake,
    batch: &'a Batch<'_>,
    ticket_due_at: Timestamp,
) -> NewRows<'a> {
    let row = |(place, event): (usize, &'a NewEvent<'_>)| NewRow {
        entity: EVENT,
        external_id: match &event.event_id {
            Some(id) => Cow::Borrowed(id.as_str()),
            None => Cow::Owned(intake.event_id(place)),
        },
        version_key: Cow::Borrowed("1"),
        version_at: event.occurred_at.unwrap_or(intake.received_at),
        api_version: None,
        payload: event.text.as_bytes(),
    };
    let events = batch.events.iter().enumerate();
    let good: Vec<_> =
        events.filter_map(|(place, event)| Some((place, event.as_ref().ok()?))).collect();
    NewRows::new(arrival(intake, EVENTS, ticket_due_at), good.into_iter().map(row))
}

fn arrival<'a>(intake: &'a Intake, source: &'a str, ticket_due_at: Timestamp) -> Arrival<'a> {
    Arrival {
        source,
        content_type: &intake.content_type,
        run: None,
        received_at: intake.received_at,
        ticket_due_at,
    }
}
