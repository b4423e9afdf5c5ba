//! `GET /admin/events/failed?group=reason`: how many have failed of each cause.

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_edge::http::{Failure, Reply, StatusCode};
use penstock_store::failures::{self, Cause};
use serde::Serialize;
use uuid::Uuid;

use super::Asked;
use crate::Ports;

/// The causes of what has failed, that with the newest failure first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "FailureCauses"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct CausesReply {
    causes: Vec<CauseReply>,
    /// Whether there are more failures than the 100,000 newest, which alone are counted.
    capped: bool,
}

/// Failures that have one cause.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "FailureCause"))]
#[serde(rename_all = "camelCase")]
struct CauseReply {
    /// `permanent`, `transient` or `dependency`.
    error_class: String,
    error_kind: String,
    /// The error without its values: quoted texts, ids, addresses and numbers.
    reason: String,
    count: i64,
    first_at: Timestamp,
    last_at: Timestamp,
    connections: Vec<String>,
    entities: Vec<String>,
    /// The newest failure of it.
    newest_id: Uuid,
}

impl From<Cause> for CauseReply {
    fn from(cause: Cause) -> Self {
        Self {
            error_class: cause.error_class,
            error_kind: cause.error_kind,
            reason: cause.reason,
            count: cause.count,
            first_at: cause.first_at,
            last_at: cause.last_at,
            connections: cause.sources,
            entities: cause.entities,
            newest_id: cause.newest,
        }
    }
}

/// The reply with the causes of what the caller asks about.
pub(super) async fn list<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    asked: &Asked,
    limit: i64,
) -> Result<Reply, Failure> {
    let reading = async {
        let connection = ports.database.connection().await?;
        failures::causes(&**connection, asked.filter(), limit).await
    };
    let (causes, capped) = ports.database.in_time(reading).await?;
    let causes = causes.into_iter().map(CauseReply::from).collect();
    Reply::json(StatusCode::OK, &CausesReply { causes, capped })
}
