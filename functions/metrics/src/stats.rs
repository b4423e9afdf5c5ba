//! `/stats`: what waits, for how long, and at what rate things come in and go through.

use jiff::Timestamp;
use penstock_domain::clock::elapsed;
use penstock_edge::http::{Call, Problem};
use penstock_store::StoreError;
use penstock_store::stats::{self, Recent, Waiting};
use penstock_store::sync_state::pauses;
use serde::Serialize;
use tokio_postgres::Client;

use crate::MetricsConfig;
use crate::paused::PausedPull;
use crate::question::Question;

/// The rows that wait are counted up to here.
const MOST_COUNTED: i64 = 10_000;

/// Seconds over which rates are taken.
const WINDOWS: [i64; 2] = [60, 300];

pub(crate) struct Stats {
    now: Timestamp,
}

/// `GET /stats`
pub(crate) fn now(_: &MetricsConfig, call: &mut Call<'_>) -> Result<Stats, Problem> {
    Ok(Stats { now: call.now })
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Stats"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatsReply {
    pending: Vec<Pending>,
    rates: Vec<Rate>,
    oldest_pending_age_s: Option<u64>,
    /// The pulls that a vendor refuses.
    paused: Vec<PausedPull>,
    as_of: Timestamp,
}

/// What waits of one source.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Pending"))]
#[serde(rename_all = "camelCase")]
struct Pending {
    source: String,
    count: i64,
    /// There where counting ended before the rows did: then there may be more, and older ones.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    count_is_at_least: bool,
    oldest_age_s: u64,
}

/// What came in of one source within a window, and what of that is processed or dead by now.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Rate"))]
#[serde(rename_all = "camelCase")]
struct Rate {
    source: String,
    window_s: i64,
    received: i64,
    processed: i64,
    dead: i64,
}

impl Question for Stats {
    type Answer = StatsReply;

    /// A backlog and a rush are counted only for whoever may see them.
    fn is_cheap(&self) -> bool {
        false
    }

    async fn ask(&self, on: &Client) -> Result<Option<StatsReply>, StoreError> {
        let (waiting, recent, pauses) = tokio::try_join!(
            stats::waiting(on, MOST_COUNTED),
            stats::recent(on, self.now, &WINDOWS),
            pauses::all(on)
        )?;
        let capped = waiting.iter().map(|w| w.count).sum::<i64>() >= MOST_COUNTED;
        let pending = |Waiting { source, count, oldest }| {
            let oldest_age_s = elapsed(oldest, self.now).as_secs();
            Pending { source, count, count_is_at_least: capped, oldest_age_s }
        };
        let pending: Vec<_> = waiting.into_iter().map(pending).collect();
        let oldest_pending_age_s = pending.iter().map(|p| p.oldest_age_s).max();
        let rates = recent.into_iter().map(Rate::from).collect();
        let paused = pauses.into_iter().map(PausedPull::from).collect();
        Ok(Some(StatsReply { pending, rates, oldest_pending_age_s, paused, as_of: self.now }))
    }
}

impl From<Recent> for Rate {
    fn from(recent: Recent) -> Self {
        let Recent { source, window_s, received, processed, dead } = recent;
        Self { source, window_s, received, processed, dead }
    }
}
