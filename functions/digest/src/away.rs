//! Word of a database that is away. Nothing can be stored then, so this environment remembers.
//!
//! A new environment does not know what another has told, and may tell it again. That the database
//! is back is told once all the same: the time of the last check is in the database.

use std::collections::BTreeSet;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::digest::{Known, failures};
use penstock_edge::telemetry::chain;

use crate::request::Report;
use crate::{DigestError, Ports};

/// The name of the issue.
pub(crate) const DATABASE: &str = "database";

/// The issue in words for a person.
pub(crate) const NO_DATABASE: &str = "No check reaches the database.";

/// The shortest time between two checks that reached the database with an outage between them. One
/// check that fails is no outage: a database that fails over is back within a minute.
pub(crate) const SHORTEST_GAP: Duration = Duration::from_secs(150);

/// After a longer time without checks, the rule was off.
pub(crate) const LONGEST_GAP: Duration = Duration::from_secs(6 * 3600);

/// So many checks in a row must fail before it is told.
const FAILED_CHECKS: u32 = 2;

/// It is not told again within an hour.
const QUIET: Duration = Duration::from_secs(3600);

/// The knowledge of this environment.
#[derive(Debug, Default)]
pub(crate) struct Away(Mutex<Outage>);

#[derive(Debug, Default)]
struct Outage {
    /// The time of the first check of these that failed.
    since: Option<Timestamp>,
    /// The checks in a row that failed.
    failed: u32,
    /// The channels that were told this time.
    told: BTreeSet<&'static str>,
    /// The time at which it was last told, this time or an earlier one.
    told_at: Option<Timestamp>,
}

impl Away {
    fn outage(&self) -> MutexGuard<'_, Outage> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether this environment has told of an outage that is not known to be over.
    pub(crate) fn was_told(&self) -> bool {
        !self.outage().told.is_empty()
    }

    /// Notes that the database answers.
    pub(crate) fn is_over(&self) {
        let mut outage = self.outage();
        *outage = Outage { told_at: outage.told_at, ..Outage::default() };
    }

    /// Counts a check that failed. Returns since when they fail, if that is to be told.
    fn failed(&self, now: Timestamp) -> Option<Timestamp> {
        let mut outage = self.outage();
        let since = *outage.since.get_or_insert(now);
        outage.failed = outage.failed.saturating_add(1);
        let is_news = outage.told_at.is_none_or(|at| elapsed(at, now) >= QUIET);
        let is_open = !outage.told.is_empty() || is_news;
        (outage.failed >= FAILED_CHECKS && is_open).then_some(since)
    }

    /// Whether a channel is to be told. It counts as told from then on, whatever becomes of it.
    fn claims(&self, channel: &'static str, now: Timestamp) -> bool {
        let mut outage = self.outage();
        let is_new = outage.told.insert(channel);
        if is_new {
            outage.told_at = Some(now);
        }
        is_new
    }
}

impl<C: Clock> Ports<C> {
    /// Tells that the database is away, once over each channel.
    pub(crate) async fn tell_away(&self, error: &DigestError, report: &mut Report) {
        tracing::error!(event = "digest_without_database", error = chain(error));
        let now = self.clock.now();
        let Some(began_at) = self.away.failed(now) else { return };
        let issue = Known {
            key: DATABASE.to_owned(),
            what: NO_DATABASE.to_owned(),
            began_at,
            ended_at: None,
            is_told: true,
            told_at: Some(now),
        };
        let message = failures(&self.settings.stack, &[issue], now).message();
        for channel in &self.channels {
            let name = channel.name();
            if !self.away.claims(name, now) {
                continue;
            }
            match channel.send(&message).await {
                Ok(()) => report.sent += 1,
                Err(error) => {
                    report.not_sent += 1;
                    let reason = error.to_string();
                    let kind = "failure";
                    tracing::error!(event = "digest_not_sent", channel = name, kind, reason);
                }
            }
        }
    }
}
