//! `GET /admin/metrics`: how the work goes, for whoever wants to know whether it shrinks.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::depths::Depth;
use penstock_clients::queue::Outlet;
use penstock_domain::access::ApiKey;
use penstock_domain::clock::{Clock, earlier, elapsed};
use penstock_domain::transaction::State;
use penstock_edge::http::{Call, Failure, Reply, StatusCode};
use penstock_edge::telemetry::chain;
use penstock_store::failures::{self, Counted, MOST_COUNTED};
use penstock_store::stats::{self, Newest};
use penstock_store::transactions::by_state;
use serde::Serialize;
use tokio::time::timeout;

use crate::Ports;

/// Rows are counted that were received within this time.
const WINDOW: Duration = Duration::from_secs(24 * 60 * 60);

/// No more of them are looked at, the newest first.
const MOST_ROWS: i64 = 20_000;

/// No more pending rows are counted.
const MOST_PENDING: i64 = 10_000;

/// SQS may take this long to count the messages of all queues.
const PATIENCE: Duration = Duration::from_secs(3);

/// The state of the work.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "contract",
    derive(schemars::JsonSchema),
    schemars(rename = "OperatorMetrics")
)]
#[serde(rename_all = "camelCase")]
pub(crate) struct MetricsReply {
    /// Rows that were received since then are counted.
    since: Timestamp,
    /// The rows by kind and status.
    rows: Vec<RowsReply>,
    /// Whether more were received: the 20,000 newest are counted.
    rows_capped: bool,
    /// The time from the receipt of a row until it was processed: the mean of all kinds.
    average_ms: Option<i64>,
    /// The longest time that 95 of 100 rows of a kind did not exceed, of all kinds.
    p95_ms: Option<i64>,
    /// The rows that wait, whenever they were received.
    pending: i64,
    /// Whether more wait than are counted.
    pending_capped: bool,
    oldest_pending_age_s: Option<u64>,
    failures: Vec<FailuresReply>,
    /// Whether more have failed than the 100,000 newest, which are counted.
    failures_capped: bool,
    /// The transactions by state, all states in the order of their course.
    transactions: Vec<TransactionsReply>,
    /// The messages in the queues; null if SQS does not answer.
    queues: Option<Vec<QueueReply>>,
    as_of: Timestamp,
}

/// The rows of one kind and one status.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "RowCount"))]
#[serde(rename_all = "camelCase")]
struct RowsReply {
    source: String,
    connection: String,
    entity: String,
    status: String,
    count: i64,
    average_ms: Option<i64>,
    p95_ms: Option<i64>,
}

/// The failures of one kind of object.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "FailureCount"))]
#[serde(rename_all = "camelCase")]
struct FailuresReply {
    source: Option<String>,
    connection: Option<String>,
    entity: Option<String>,
    count: i64,
}

/// The transactions of one state.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "contract",
    derive(schemars::JsonSchema),
    schemars(rename = "TransactionCount")
)]
#[serde(rename_all = "camelCase")]
struct TransactionsReply {
    status: &'static str,
    count: i64,
    /// Whether there are more than 10,000, which are counted.
    capped: bool,
}

/// The messages of one queue, as SQS counts them approximately.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "QueueDepth"))]
#[serde(rename_all = "camelCase")]
struct QueueReply {
    queue: String,
    waiting: u64,
    in_flight: u64,
}

impl From<Newest> for RowsReply {
    fn from(rows: Newest) -> Self {
        let Newest { vendor, source, entity, status, count, average_ms, p95_ms } = rows;
        Self { source: vendor, connection: source, entity, status, count, average_ms, p95_ms }
    }
}

impl From<Counted> for FailuresReply {
    fn from(counted: Counted) -> Self {
        let Counted { vendor, source, entity, count } = counted;
        Self { source: vendor, connection: source, entity, count }
    }
}

impl From<(State, i64)> for TransactionsReply {
    fn from((state, count): (State, i64)) -> Self {
        let capped = count >= by_state::MOST_COUNTED;
        Self { status: state.as_str(), count, capped }
    }
}

impl From<Depth> for QueueReply {
    fn from(depth: Depth) -> Self {
        let Depth { queue, waiting, in_flight } = depth;
        Self { queue: queue.to_owned(), waiting, in_flight }
    }
}

/// The mean over all kinds, each by its rows.
fn mean(rows: &[Newest]) -> Option<i64> {
    let timed = || rows.iter().filter_map(|of| Some((of.average_ms?, of.count)));
    let count: i64 = timed().map(|(_, count)| count).sum();
    (count > 0).then(|| timed().map(|(average, count)| average * count).sum::<i64>() / count)
}

/// `GET /admin/metrics`
pub(crate) async fn read<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, ApiKey>,
) -> Result<Reply, Failure> {
    let (now, since) = (call.now, earlier(call.now, WINDOW));
    let reading = async {
        let connection = ports.database.connection().await?;
        let on = &**connection;
        let newest = stats::newest(on, since, MOST_ROWS);
        let waiting = stats::waiting(on, MOST_PENDING);
        tokio::try_join!(newest, waiting, failures::count(on), by_state::by_state(on))
    };
    let (rows, waiting, failures, transactions) = ports.database.in_time(reading).await?;
    let total = |counts: &mut dyn Iterator<Item = i64>| counts.sum::<i64>();
    let pending = total(&mut waiting.iter().map(|of| of.count));
    let oldest = waiting.iter().map(|of| of.oldest).min();
    let reply = MetricsReply {
        since,
        rows_capped: total(&mut rows.iter().map(|of| of.count)) >= MOST_ROWS,
        average_ms: mean(&rows),
        p95_ms: rows.iter().filter_map(|of| of.p95_ms).max(),
        rows: rows.into_iter().map(RowsReply::from).collect(),
        pending,
        pending_capped: pending >= MOST_PENDING,
        oldest_pending_age_s: oldest.map(|oldest| elapsed(oldest, now).as_secs()),
        failures_capped: total(&mut failures.iter().map(|of| of.count)) >= MOST_COUNTED,
        failures: failures.into_iter().map(FailuresReply::from).collect(),
        transactions: transactions.into_iter().map(TransactionsReply::from).collect(),
        queues: ports.queues().await,
        as_of: now,
    };
    Reply::json(StatusCode::OK, &reply)
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// The messages in the queues; `None` if SQS does not say in time.
    async fn queues(&self) -> Option<Vec<QueueReply>> {
        match timeout(PATIENCE, self.depths.read()).await {
            Ok(Ok(depths)) => Some(depths.into_iter().map(QueueReply::from).collect()),
            Ok(Err(error)) => {
                tracing::warn!(event = "queues_not_counted", error = chain(&error));
                None
            }
            Err(_) => {
                tracing::warn!(event = "queues_not_counted", patience_s = PATIENCE.as_secs());
                None
            }
        }
    }
}
