//! `POST /admin/remap`: versions that stand are read again, after a change of what reads them.

use penstock_clients::queue::Outlet;
use penstock_domain::access::ApiKey;
use penstock_domain::clock::Clock;
use penstock_domain::ids::JobId;
use penstock_domain::job::JobKind;
use penstock_edge::http::{Call, Failure, Problem, Reply};
use penstock_store::jobs::plan::{self, Objects, Position};
use penstock_store::{Chosen, StoreError, begin, commit};
use serde::{Deserialize, Serialize};

use super::{Answer, BODY_LIMIT, Fingerprinted, body};
use crate::Ports;
use crate::by::By;
use crate::events::text_faults;

/// The objects whose versions are read again. A field that is left out leaves none out.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "RemapFilter"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct RemapFilter {
    /// The vendor, or `leads`.
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    /// The name of a connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    /// The kind of object: `charge`, `refund`, `dispute`, `deal`, `contact`, `event`, `lead`.
    #[serde(skip_serializing_if = "Option::is_none")]
    entity: Option<String>,
    /// The id of the object.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// Whether only payments are read again whose status no map knew.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    unmapped: bool,
    /// The `continueAt` of the job before, if that was capped.
    #[serde(skip_serializing_if = "Option::is_none")]
    continue_at: Option<String>,
}

impl RemapFilter {
    fn objects<'a>(&'a self, after: Option<&'a Position>) -> Objects<'a> {
        Objects {
            chosen: Chosen {
                vendor: self.source.as_deref(),
                connection: self.connection.as_deref(),
            },
            entity: self.entity.as_deref(),
            external_id: self.external_id.as_deref(),
            unmapped: self.unmapped,
            after,
        }
    }

    /// Checks the filter, and returns from where it goes on.
    fn checked(&self) -> Result<Option<Position>, Problem> {
        let texts = [
            ("source", &self.source),
            ("connection", &self.connection),
            ("entity", &self.entity),
            ("externalId", &self.external_id),
        ];
        let mut faults: Vec<_> = text_faults(texts).collect();
        let position = self.continue_at.as_deref().map(Position::parse);
        if position == Some(None) {
            faults.push(("continueAt", "must be a continueAt of a remap".to_owned()));
        }
        if faults.is_empty() { Ok(position.flatten()) } else { Err(body::filter_problem(faults)) }
    }
}

/// `POST /admin/remap`: a dry run of the versions that match, then the remap.
pub(crate) async fn remap<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, ApiKey>,
) -> Result<Reply, Failure> {
    let bytes = call.request.bytes(BODY_LIMIT)?;
    ports.remap(&bytes, By::of(&call)).await
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Plans a remap, or starts one that was planned.
    pub(crate) async fn remap(&self, bytes: &[u8], by: By<'_>) -> Result<Reply, Failure> {
        let (asking, filter) = body::read::<RemapFilter>(bytes)?;
        let id = match asking.answer(filter.is_some())? {
            Answer::Start(id) => return self.start(by, id, JobKind::Remap, &asking).await,
            Answer::Plan => JobId::new(by.now),
        };
        let asked = filter.unwrap_or_default();
        let after = asked.checked()?;
        let filter = Fingerprinted::of(JobKind::Remap, &asked)?;
        let new = filter.job(id, &asking, by.who);
        let planning = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            plan::remap(&tx, new, asked.objects(after.as_ref()), by.now).await?;
            commit(tx).await?;
            Ok::<_, StoreError>(())
        };
        self.database.in_time(planning).await?;
        self.planned(id).await
    }
}
