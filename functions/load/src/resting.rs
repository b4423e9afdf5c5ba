//! The circuit of BigQuery: how long it is asked nothing after it has refused.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::objects::Objects;
use penstock_domain::bigquery::{Kind, Refusal};
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::connection::BIGQUERY;
use penstock_domain::retry::{after_failures, after_refusals};
use penstock_store::circuits::{self, Failure};
use penstock_store::{GenericClient, StoreError};

use crate::Ports;

/// A quota refills over a day, and jobs that fail count as well. So it is tried this seldom.
const QUOTA: Duration = Duration::from_secs(30 * 60);

/// The try after a rest is the only one for so long: until the next event.
const PROBE: Duration = Duration::from_secs(5 * 60);

impl<C: Clock, O: Objects> Ports<C, O> {
    /// Returns how often BigQuery has failed in a row, or how long it still rests.
    pub(crate) async fn admit(&self) -> Result<Result<u32, Duration>, StoreError> {
        let now = self.clock.now();
        let asking = async {
            let connection = self.database.connection().await?;
            let on = &**connection;
            let Some(circuit) = circuits::of(on, BIGQUERY).await? else { return Ok(Ok(0)) };
            let until = circuit.rests_until;
            if until > now {
                return Ok(Err(elapsed(now, until)));
            }
            // Another invocation may try it just now.
            let known = circuits::probe(on, BIGQUERY, now, now + PROBE).await?;
            Ok(known.ok_or(PROBE))
        };
        self.database.in_time(asking).await
    }

    /// Keeps that BigQuery answers again.
    pub(crate) async fn answers(&self, failures: u32) -> Result<(), StoreError> {
        tracing::info!(event = "bigquery_answers", failures);
        let closing = async {
            let connection = self.database.connection().await?;
            circuits::close(&**connection, BIGQUERY).await
        };
        self.database.in_time(closing).await
    }

    /// Lets BigQuery rest, and tells for how long. A refusal that a person has to act on is told as
    /// an error.
    pub(crate) async fn rest(&self, refusal: &Refusal, known: u32) -> Result<Duration, StoreError> {
        let failures = known.saturating_add(1);
        let rest = match refusal.kind {
            Kind::Passing | Kind::Rate => after_failures(failures),
            Kind::Quota => QUOTA,
            _ => after_refusals(failures),
        };
        let now = self.clock.now();
        let failure = Failure { known, why: &refusal.words, asked_for: rest };
        let opening = async {
            let connection = self.database.connection().await?;
            circuits::open_until(&**connection, BIGQUERY, failure, now + rest, now).await
        };
        self.database.in_time(opening).await?;
        let (rest_s, error) = (rest.as_secs(), refusal.words.as_str());
        match refusal.kind {
            Kind::Passing | Kind::Rate => {
                tracing::warn!(event = "bigquery_rests", failures, rest_s, error);
            }
            Kind::Unreadable => {
                let what = "archive_unreadable";
                tracing::error!(event = "bigquery_to_look_at", what, failures, rest_s, error);
            }
            kind => {
                let is_quota = kind == Kind::Quota;
                tracing::error!(event = "bigquery_refuses", is_quota, failures, rest_s, error);
            }
        }
        Ok(rest)
    }

    /// Ends the rest: a person wants BigQuery tried at once.
    pub(crate) async fn wake(
        &self,
        on: &impl GenericClient,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        circuits::try_now(on, BIGQUERY, now).await
    }
}
