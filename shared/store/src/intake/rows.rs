//! The rows that a request makes, under ids that are fixed before they are stored.

use jiff::Timestamp;
use penstock_domain::ids::OutboxId;
use penstock_domain::intake::{Batch, EVENT, EVENTS, Intake, LEADS, LeadState, NewEvent};
use uuid::Uuid;

/// The rows of a request: how they differ from one another, and what they share.
pub(super) struct Rows<'a> {
    pub source: &'static str,
    pub entity: &'static str,
    pub version_key: String,
    pub ids: Vec<Uuid>,
    pub external_ids: Vec<String>,
    pub version_ats: Vec<Timestamp>,
    pub payloads: Vec<&'a [u8]>,
}

impl<'a> Rows<'a> {
    pub fn of_lead(intake: &'a Intake, state: LeadState, external_id: Uuid) -> Self {
        Self {
            source: LEADS,
            entity: state.entity(),
            version_key: hex::encode(intake.body_sha256()),
            ids: vec![OutboxId::new(intake.received_at).0],
            external_ids: vec![external_id.to_string()],
            version_ats: vec![intake.received_at],
            payloads: vec![intake.body()],
        }
    }

    /// The good ones of a batch. The first of an id stands, whatever comes under it later: one version key for all.
    pub fn of_events(intake: &Intake, batch: &Batch<'a>) -> Self {
        let good = || {
            batch
                .events
                .iter()
                .enumerate()
                .filter_map(|(place, event)| Some((place, event.as_ref().ok()?)))
        };
        let id = |(place, event): (usize, &NewEvent<'_>)| {
            event.event_id.clone().unwrap_or_else(|| intake.event_id(place))
        };
        Self {
            source: EVENTS,
            entity: EVENT,
            version_key: "1".to_owned(),
            ids: OutboxId::series(intake.received_at, good().count())
                .into_iter()
                .map(|id| id.0)
                .collect(),
            external_ids: good().map(id).collect(),
            version_ats: good()
                .map(|(_, event)| event.occurred_at.unwrap_or(intake.received_at))
                .collect(),
            payloads: good().map(|(_, event)| event.text.as_bytes()).collect(),
        }
    }
}
