//! `/metrics/unmapped-statuses`: raw statuses that no map knows. Payments that carry one count as
//! nothing.

use jiff::Timestamp;
use penstock_edge::http::{Call, Problem};
use penstock_store::{StoreError, revenue};
use serde::Serialize;
use tokio_postgres::Client;

use crate::MetricsConfig;
use crate::asked::Asked;
use crate::question::Question;

pub(crate) struct Unmapped(Asked);

/// `GET /metrics/unmapped-statuses`: `source`, `connection`.
pub(crate) fn unmapped(_: &MetricsConfig, call: &mut Call<'_>) -> Result<Unmapped, Problem> {
    Ok(Unmapped(Asked::take(&mut call.query)))
}

#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "contract",
    derive(schemars::JsonSchema),
    schemars(rename = "UnmappedStatuses")
)]
#[serde(rename_all = "camelCase")]
pub(crate) struct UnmappedReply {
    statuses: Vec<Status>,
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "UnmappedStatus"))]
#[serde(rename_all = "camelCase")]
struct Status {
    source: String,
    connection: String,
    kind: String,
    raw_status: String,
    count: i64,
    last_seen: Timestamp,
}

impl Question for Unmapped {
    type Answer = UnmappedReply;

    async fn ask(&self, on: &Client) -> Result<Option<UnmappedReply>, StoreError> {
        let statuses = revenue::unmapped(on, self.0.chosen()).await?.into_iter().map(|s| Status {
            source: s.vendor,
            connection: s.source,
            kind: s.kind,
            raw_status: s.raw_status,
            count: s.count,
            last_seen: s.last_seen,
        });
        Ok(Some(UnmappedReply { statuses: statuses.collect() }))
    }
}
