//! `POST /admin/erase`: everything of one person is erased, in every table.

use penstock_clients::queue::Outlet;
use penstock_domain::access::ApiKey;
use penstock_domain::clock::Clock;
use penstock_domain::ids::JobId;
use penstock_domain::job::JobKind;
use penstock_edge::http::{Call, Failure, Problem, Reply};
use penstock_store::jobs::erase::{self, Person};
use penstock_store::{StoreError, begin, commit};
use serde::{Deserialize, Serialize};

use super::{Answer, BODY_LIMIT, Fingerprinted, body};
use crate::Ports;
use crate::by::By;
use crate::events::text_faults;

/// Steps of the search that a dry run takes itself. `relay` takes the others.
const STEPS: usize = 40;

/// The person, by at least one of these. All that are given are of the same person.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "EraseFilter"))]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(crate) struct EraseFilter {
    /// The e-mail address, in upper or lower case.
    #[serde(skip_serializing_if = "Option::is_none")]
    email: Option<String>,
    /// The `userId` of the person's events.
    #[serde(skip_serializing_if = "Option::is_none")]
    user_id: Option<String>,
    /// The name of the connection that `externalId` is of.
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    /// The vendor's id of a contact, a customer or a payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    /// All who were erased before, and nobody else: after a restore of a backup.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    everybody: bool,
}

impl EraseFilter {
    /// Checks the filter, and returns whom it means.
    fn person(&self) -> Result<Person<'_>, Problem> {
        let texts = [
            ("email", &self.email),
            ("userId", &self.user_id),
            ("connection", &self.connection),
            ("externalId", &self.external_id),
        ];
        let mut faults: Vec<_> = text_faults(texts).collect();
        let is_blank = |text: &Option<String>| text.as_deref().is_some_and(|t| t.trim().is_empty());
        for (field, text) in texts {
            if is_blank(text) {
                faults.push((field, "must not be empty".to_owned()));
            }
        }
        let is_address = |text: &str| {
            let halves = text.trim().split_once('@');
            halves.is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty())
        };
        if self.email.as_deref().is_some_and(|email| !is_address(email)) {
            faults.push(("email", "must be an e-mail address".to_owned()));
        }
        if self.connection.is_some() != self.external_id.is_some() {
            let detail = "must come with connection, and connection with it".to_owned();
            faults.push(("externalId", detail));
        }
        let (email, user) = (self.email.as_deref(), self.user_id.as_deref());
        let object = self.connection.as_deref().zip(self.external_id.as_deref());
        let is_given = email.is_some() || user.is_some() || object.is_some();
        if !is_given && !self.everybody {
            faults.push(("email", "or userId, or externalId must say who it is".to_owned()));
        }
        if is_given && self.everybody {
            faults.push(("everybody", "leaves nobody to name".to_owned()));
        }
        if faults.is_empty() {
            return Ok(Person { email, user, object, everybody: self.everybody });
        }
        Err(body::filter_problem(faults))
    }
}

/// `POST /admin/erase`: a dry run of all that is of the person, then the erasure.
pub(crate) async fn erase<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, ApiKey>,
) -> Result<Reply, Failure> {
    let bytes = call.request.bytes(BODY_LIMIT)?;
    ports.erase(&bytes, By::of(&call)).await
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Plans an erasure, or starts one that was planned.
    pub(crate) async fn erase(&self, bytes: &[u8], by: By<'_>) -> Result<Reply, Failure> {
        let (asking, filter) = body::read::<EraseFilter>(bytes)?;
        let id = match asking.answer(filter.is_some())? {
            Answer::Start(id) => return self.start(by, id, JobKind::Erase, &asking).await,
            Answer::Plan => JobId::new(by.now),
        };
        let asked = filter.unwrap_or_default();
        let person = asked.person()?;
        let filter = Fingerprinted::of(JobKind::Erase, &asked)?;
        let new = filter.job(id, &asking, by.who);
        let planning = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            erase::plan(&tx, new, person, by.now).await?;
            commit(tx).await?;
            Ok::<_, StoreError>(())
        };
        self.database.in_time(planning).await?;
        // A table that takes longer is left to `relay`, and so is all behind it.
        for _ in 0..STEPS {
            let searching = async {
                let connection = self.database.connection().await?;
                erase::search(&**connection, id, by.now).await
            };
            let searched: Result<bool, StoreError> = self.database.in_time(searching).await;
            if !matches!(searched, Ok(false)) {
                break;
            }
        }
        self.planned(id).await
    }
}
