//! The measurements of a round, for alarms and the dashboard: a point a minute. A point that is
//! missing says that nobody knows, and alarms take it for a fault.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::depths::Depth;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::source;
use penstock_edge::telemetry::chain;
use penstock_edge::telemetry::emf::MetricLine;
use penstock_edge::telemetry::metric::Metric;
use penstock_store::freshness::Pull;
use penstock_store::{StoreError, dead_letters, server};
use tokio::time::timeout;

use crate::{NAME, Ports};

/// How long Postgres may take, and SQS to tell the depths of all queues.
const COUNT_PATIENCE: Duration = Duration::from_secs(3);

/// The numbers of a round, as far as they could be read.
#[derive(Debug, Default)]
pub(crate) struct Gauges {
    pub oldest_pending: Option<Duration>,
    pub silence: Option<Silence>,
    pub partition_days_ahead: Option<i32>,
    connections: Option<i64>,
    letters: Option<i64>,
    depths: Option<Vec<Depth>>,
}

/// For how long pulls have been silent.
#[derive(Debug, Default, Clone)]
pub(crate) struct Silence {
    /// The longest of all.
    pub longest: Duration,
    /// The longest of each vendor.
    vendors: BTreeMap<&'static str, Duration>,
}

impl Silence {
    /// Returns for how long these pulls are silent.
    pub fn of(pulls: &[Pull], now: Timestamp) -> Self {
        let mut silence = Self::default();
        for pull in pulls.iter().filter(|pull| pull.is_active) {
            let lag = pull.lag(now);
            silence.longest = silence.longest.max(lag);
            if let Some(vendor) = source::find(&pull.source) {
                let of_vendor = silence.vendors.entry(vendor.name()).or_default();
                *of_vendor = lag.max(*of_vendor);
            }
        }
        silence
    }
}

impl Gauges {
    /// Writes what is known as metrics.
    pub fn write(&self, now: Timestamp) {
        let silence = self.silence.as_ref();
        let depths = self.depths.as_deref();
        let sum = |of_dead: bool| {
            let of_kind = |depths: &[Depth]| {
                let of_kind = depths.iter().filter(|it| it.is_of_dead_letters() == of_dead);
                of_kind.map(|depth| depth.waiting).sum::<u64>()
            };
            depths.map(of_kind)
        };
        let seconds = |time: Duration| time.as_secs();
        MetricLine::of_function(NAME, now)
            .with_known(Metric::OldestPendingSeconds, self.oldest_pending.map(seconds))
            .with_known(Metric::StalestPullSeconds, silence.map(|it| seconds(it.longest)))
            .with_known(Metric::PartitionDaysAhead, self.partition_days_ahead)
            .with_known(Metric::DatabaseConnections, self.connections)
            .with_known(Metric::DeadLettersNew, self.letters)
            .with_known(Metric::MessagesWaiting, sum(false))
            .with_known(Metric::MessagesDead, sum(true))
            .write();
        for (vendor, lag) in silence.iter().flat_map(|silence| &silence.vendors) {
            MetricLine::of_source(NAME, vendor, now)
                .with(Metric::FreshnessSeconds, seconds(*lag))
                .write();
        }
        for depth in depths.unwrap_or_default().iter().filter(|depth| depth.waiting > 0) {
            MetricLine::of_queue(NAME, depth.queue, now)
                .with(Metric::QueueDepth, depth.waiting)
                .write();
        }
    }
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Reads the numbers that no step of the round needs. One that cannot be read is missing.
    pub(crate) async fn measure(&self, gauges: &mut Gauges) {
        let (from, until) = minute_before(self.clock.now());
        let asked = async {
            let connection = self.database.connection().await?;
            let letters = dead_letters::count_new(&**connection, from, until).await?;
            Ok::<_, StoreError>((letters, server::connections(&**connection).await?))
        };
        match self.database.within(COUNT_PATIENCE, asked).await {
            Ok((letters, connections)) => {
                (gauges.letters, gauges.connections) = (Some(letters), Some(connections));
            }
            Err(error) => tracing::warn!(event = "not_measured", error = chain(&error)),
        }
        match timeout(COUNT_PATIENCE, self.depths.read()).await {
            Ok(Ok(depths)) => gauges.depths = Some(depths),
            Ok(Err(error)) => {
                tracing::warn!(event = "queues_not_counted", error = chain(&error));
            }
            Err(_) => {
                let patience_s = COUNT_PATIENCE.as_secs();
                tracing::warn!(event = "queues_not_counted", patience_s);
            }
        }
    }
}

/// Returns the whole minute before the present one. Rounds are a minute apart, so each minute is
/// counted once.
fn minute_before(now: Timestamp) -> (Timestamp, Timestamp) {
    let until = now.as_second().div_euclid(60) * 60;
    let at = |second| Timestamp::from_second(second).unwrap_or(now);
    (at(until - 60), at(until))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_that_are_a_minute_apart_count_each_minute_once() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap();
        let first = minute_before(at("2026-05-01T12:00:59.9Z"));
        assert_eq!(first, (at("2026-05-01T11:59:00Z"), at("2026-05-01T12:00:00Z")));
        assert_eq!(minute_before(at("2026-05-01T12:01:00Z")).0, first.1);
    }
}
