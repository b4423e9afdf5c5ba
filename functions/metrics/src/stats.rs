//! `/stats`: what waits, for how long, and at what rate things come in and go through.

use jiff::Timestamp;
use penstock_domain::clock::elapsed;
use penstock_edge::http::{Call, Problem};
use penstock_store::StoreError;
use penstock_store::circuits;
use penstock_store::not_ours::{self, Counted};
use penstock_store::refetch;
use penstock_store::stats::{self, Recent, Waiting};
use penstock_store::sync_state::pauses;
use serde::Serialize;
use tokio_postgres::Client;

use crate::MetricsConfig;
use crate::asked::Asked;
use crate::circuits::Outage;
use crate::paused::PausedPull;
use crate::question::Question;

/// The rows that wait are counted up to here.
const MOST_COUNTED: i64 = 10_000;

/// Seconds over which rates are taken.
const WINDOWS: [i64; 2] = [60, 300];

pub(crate) struct Stats {
    asked: Asked,
    now: Timestamp,
}

/// `GET /stats`: `source`, `connection`.
pub(crate) fn now(_: &MetricsConfig, call: &mut Call<'_>) -> Result<Stats, Problem> {
    Ok(Stats { asked: Asked::take(&mut call.query), now: call.now })
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Stats"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatsReply {
    pending: Vec<Pending>,
    rates: Vec<Rate>,
    not_ours: Vec<NotOurs>,
    oldest_pending_age_s: Option<u64>,
    /// The pulls that a vendor refuses.
    paused: Vec<PausedPull>,
    /// The services that do not answer, or make us wait: nothing is asked of them for a while.
    circuits: Vec<Outage>,
    /// Objects that were to be read again and could not be, by entity. They are not tried any more.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    ended_refetches: Vec<EndedRefetches>,
    as_of: Timestamp,
}

/// The rows of one connection that wait for `process`. What clients send is one too:
/// `leads`, `events`.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Pending"))]
#[serde(rename_all = "camelCase")]
struct Pending {
    source: String,
    connection: String,
    count: i64,
    /// Present if counting stopped early: then there may be more rows, and older ones.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    count_is_at_least: bool,
    /// How many of these wait until it is known whose they are: the vendor's account is not known.
    #[serde(skip_serializing_if = "is_zero")]
    held: i64,
    oldest_age_s: u64,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(count: &i64) -> bool {
    *count == 0
}

/// Rows of one connection that are kept, belong to another account or mode, and count as nothing.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "NotOurs"))]
#[serde(rename_all = "camelCase")]
struct NotOurs {
    source: String,
    connection: String,
    /// `test_mode`, `live_mode`, or `connected_account`.
    reason: String,
    count: i64,
    /// Present if counting stopped early: then there may be more rows.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    count_is_at_least: bool,
    newest_at: Timestamp,
}

/// Objects of one entity whose requests to be read again ended without an answer.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "EndedRefetches"))]
#[serde(rename_all = "camelCase")]
struct EndedRefetches {
    source: String,
    connection: String,
    entity: String,
    count: i64,
    newest_at: Timestamp,
    /// Why the newest of them could not be read.
    reason: Option<String>,
}

/// The rows of one connection that came in within a window, and how many of them are processed or
/// dead by now.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Rate"))]
#[serde(rename_all = "camelCase")]
struct Rate {
    source: String,
    connection: String,
    window_s: i64,
    received: i64,
    processed: i64,
    dead: i64,
}

impl Question for Stats {
    type Answer = StatsReply;

    /// Counting a backlog takes time, so the key is checked first.
    fn is_cheap(&self) -> bool {
        false
    }

    async fn ask(&self, on: &Client) -> Result<Option<StatsReply>, StoreError> {
        let (waiting, recent, others, pauses, open, ended) = tokio::try_join!(
            stats::waiting(on, MOST_COUNTED),
            stats::recent(on, self.now, &WINDOWS),
            not_ours::count(on, MOST_COUNTED),
            pauses::all(on),
            circuits::all(on),
            refetch::ended::count(on, MOST_COUNTED)
        )?;
        let capped = waiting.iter().map(|w| w.count).sum::<i64>() >= MOST_COUNTED;
        let pending = |Waiting { vendor, source: connection, count, held, oldest }| {
            let oldest_age_s = elapsed(oldest, self.now).as_secs();
            let count_is_at_least = capped;
            Pending { source: vendor, connection, count, count_is_at_least, held, oldest_age_s }
        };
        // All is counted in any case, so the bounds hold for all connections together.
        let asked = |source: &str, connection: &str| self.asked.includes(source, connection);
        let waiting = waiting.into_iter().filter(|it| asked(&it.vendor, &it.source));
        let recent = recent.into_iter().filter(|it| asked(&it.vendor, &it.source));
        let others = others.into_iter().filter(|it| asked(&it.vendor, &it.source));
        let pauses = pauses.into_iter().filter(|(vendor, it)| asked(vendor, &it.source));
        let open = open.into_iter().filter(|(vendor, it)| asked(vendor, &it.source));
        let ended = ended.into_iter().filter(|it| asked(&it.vendor, &it.source));
        let pending: Vec<_> = waiting.map(pending).collect();
        Ok(Some(StatsReply {
            oldest_pending_age_s: pending.iter().map(|p| p.oldest_age_s).max(),
            pending,
            rates: recent.map(Rate::from).collect(),
            not_ours: others.map(NotOurs::from).collect(),
            paused: pauses.map(PausedPull::from).collect(),
            circuits: open.map(|(vendor, it)| Outage::of(vendor, it, self.now)).collect(),
            ended_refetches: ended.map(EndedRefetches::from).collect(),
            as_of: self.now,
        }))
    }
}

impl From<Counted> for NotOurs {
    fn from(counted: Counted) -> Self {
        let Counted { vendor, source: connection, reason, count, newest } = counted;
        let count_is_at_least = count >= MOST_COUNTED;
        Self { source: vendor, connection, reason, count, count_is_at_least, newest_at: newest }
    }
}

impl From<refetch::ended::Counted> for EndedRefetches {
    fn from(counted: refetch::ended::Counted) -> Self {
        let refetch::ended::Counted { vendor, source, entity, count, newest, reason } = counted;
        Self { source: vendor, connection: source, entity, count, newest_at: newest, reason }
    }
}

impl From<Recent> for Rate {
    fn from(recent: Recent) -> Self {
        let Recent { vendor, source: connection, window_s, received, processed, dead } = recent;
        Self { source: vendor, connection, window_s, received, processed, dead }
    }
}
