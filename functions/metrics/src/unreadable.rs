//! `/metrics/unreadable-objects`: objects whose newest version cannot be read. They count as
//! nothing.

use jiff::Timestamp;
use penstock_edge::http::{Call, Problem};
use penstock_store::{StoreError, dead_letters};
use serde::Serialize;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::MetricsConfig;
use crate::asked::Asked;
use crate::question::Question;

/// The most objects that a reply lists.
pub(crate) const MOST: usize = 500;

pub(crate) struct Unreadable(Asked);

/// `GET /metrics/unreadable-objects`: `source`, `connection`.
pub(crate) fn objects(_: &MetricsConfig, call: &mut Call<'_>) -> Result<Unreadable, Problem> {
    Ok(Unreadable(Asked::take(&mut call.query)))
}

#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "contract",
    derive(schemars::JsonSchema),
    schemars(rename = "UnreadableObjects")
)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UnreadableReply {
    objects: Vec<Object>,
    /// Whether there are more than are listed.
    has_more: bool,
}

#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "contract",
    derive(schemars::JsonSchema),
    schemars(rename = "UnreadableObject")
)]
#[serde(rename_all = "camelCase")]
struct Object {
    source: String,
    connection: String,
    /// The kind of object in the vendor's word.
    entity: String,
    /// The vendor's id of the object.
    external_id: String,
    /// The row of `outbox` that holds the version.
    outbox_id: Uuid,
    dead_letter_id: Uuid,
    /// `permanent`, `transient` or `dependency`.
    error_class: String,
    /// Groups reasons that are mended alike.
    error_kind: String,
    /// The field to blame, as a JSON pointer into the payload; null if it is none, or not known.
    error_field: Option<String>,
    /// The reason why the version cannot be read.
    error: String,
    since: Timestamp,
}

impl Question for Unreadable {
    type Answer = UnreadableReply;

    /// It looks through all dead letters.
    fn is_cheap(&self) -> bool {
        false
    }

    async fn ask(&self, on: &Client) -> Result<Option<UnreadableReply>, StoreError> {
        let limit = i64::try_from(MOST + 1).unwrap_or(i64::MAX);
        let mut found = dead_letters::unreadable(on, self.0.chosen(), limit).await?;
        let has_more = found.len() > MOST;
        found.truncate(MOST);
        let objects = found.into_iter().map(|object| Object {
            source: object.vendor,
            connection: object.source,
            entity: object.entity,
            external_id: object.external_id,
            outbox_id: object.outbox_id.0,
            dead_letter_id: object.dead_letter_id.0,
            error_class: object.error_class,
            error_kind: object.error_kind,
            error_field: object.error_field,
            error: object.error,
            since: object.since,
        });
        Ok(Some(UnreadableReply { objects: objects.collect(), has_more }))
    }
}
