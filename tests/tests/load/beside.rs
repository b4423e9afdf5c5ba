//! The work beside the clients: connections are counted, readers read, and `relay` makes its
//! rounds.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_edge::http::Service as _;
use penstock_tests::clock::ShiftedClock;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::load_test::{LoadTest, READ_KEY, READERS};

/// Lambda gives `metrics` this long. Then the gateway would answer in its place.
const METRICS_TIME: Duration = Duration::from_secs(10);

/// Lambda gives `relay` this long.
const RELAY_TIME: Duration = Duration::from_secs(50);

/// The pause of the watch over the machine, and how late it may be woken on a machine that is idle.
const TICK: Duration = Duration::from_millis(20);
const LATE: Duration = Duration::from_millis(5);

/// All that works beside the clients, until it is told to end.
pub struct Beside {
    is_over: Arc<AtomicBool>,
    counting: JoinHandle<i64>,
    watching: JoinHandle<()>,
    readers: Vec<JoinHandle<Reads>>,
    relay: JoinHandle<()>,
}

/// The answers to reads.
#[derive(Debug, Clone, Copy, Default)]
pub struct Reads {
    /// Answers with what was asked for.
    pub answered: usize,
    /// Answers that say when to come again.
    pub unavailable: usize,
    /// The longest wait for either.
    pub slowest: Duration,
}

impl Beside {
    pub fn start(test: &Arc<LoadTest>) -> Self {
        let (is_over, lost) = (Arc::<AtomicBool>::default(), Arc::<AtomicU64>::default());
        Self {
            counting: tokio::spawn(count(test.clone(), is_over.clone())),
            watching: tokio::spawn(watch(lost.clone())),
            readers: (0..READERS)
                .map(|_| tokio::spawn(read(test.clone(), lost.clone(), is_over.clone())))
                .collect(),
            relay: tokio::spawn(relay(test.clone(), is_over.clone())),
            is_over,
        }
    }

    /// Ends all of it. Returns the most connections that there were at a time, and the reads.
    pub async fn end(self) -> (i64, Reads) {
        self.is_over.store(true, Ordering::Relaxed);
        self.relay.await.unwrap();
        let mut all = Reads::default();
        for reader in self.readers {
            let Reads { answered, unavailable, slowest } = reader.await.unwrap();
            all.answered += answered;
            all.unavailable += unavailable;
            all.slowest = all.slowest.max(slowest);
        }
        self.watching.abort();
        (self.counting.await.unwrap(), all)
    }
}

/// Counts the backends of our functions all the time, as whoever waits for a login would see them.
/// A silent server is asked again once it answers.
async fn count(test: Arc<LoadTest>, is_over: Arc<AtomicBool>) -> i64 {
    let ours = "select count(*) from pg_stat_activity where application_name = 'penstock'";
    let mut most = 0;
    while !is_over.load(Ordering::Relaxed) {
        let login = test.postgres.login();
        let url =
            format!("postgres://{}@{}:{}/{}", login.user, login.host, login.port, login.database);
        let counting = async {
            let (client, connection) =
                tokio_postgres::connect(&url, tokio_postgres::NoTls).await.ok()?;
            let connection = tokio::spawn(connection);
            while !is_over.load(Ordering::Relaxed) {
                let row = client.query_one(ours, &[]).await.ok()?;
                most = most.max(row.get::<_, i64>(0));
                sleep(Duration::from_millis(20)).await;
            }
            connection.abort();
            Some(())
        };
        if counting.await.is_none() {
            // It was cut off, or the server has no room for another login.
            sleep(Duration::from_millis(20)).await;
        }
    }
    most
}

/// Adds up the milliseconds that the machine gave to others, while this program was to go on.
async fn watch(lost: Arc<AtomicU64>) {
    loop {
        let asked_at = Instant::now();
        sleep(TICK).await;
        let late = asked_at.elapsed().saturating_sub(TICK + LATE);
        lost.fetch_add(u64::try_from(late.as_millis()).unwrap(), Ordering::Relaxed);
    }
}

/// Reads one route after the other. Each is answered in time: with what was asked for, or with 503
/// and `Retry-After`. Time that the machine gave to others does not count.
async fn read(test: Arc<LoadTest>, lost: Arc<AtomicU64>, is_over: Arc<AtomicBool>) -> Reads {
    let metrics = test.metrics();
    let mut reads = Reads::default();
    for path in ["/stats", "/metrics/revenue/summary", "/readyz", "/runs"].iter().cycle() {
        if is_over.load(Ordering::Relaxed) {
            break;
        }
        let event = json!({
            "rawPath": path, "rawQueryString": "", "headers": {"x-api-key": READ_KEY},
            "requestContext": {"http": {"method": "GET"}, "stage": "$default"},
        });
        let request = serde_json::from_value(event).unwrap();
        let (asked_at, lost_before) = (Instant::now(), lost.load(Ordering::Relaxed));
        let reply = timeout(6 * METRICS_TIME, metrics.handle(&request, "invocation")).await;
        let (reply, took) = (reply.expect("it is answered"), asked_at.elapsed());
        reads.slowest = reads.slowest.max(took);
        match reply.status_code {
            200 => reads.answered += 1,
            503 if reply.headers.contains_key("retry-after") => reads.unavailable += 1,
            status => panic!("{path}: {status} {}", reply.text()),
        }
        // The watch is woken meanwhile.
        sleep(Duration::from_millis(50)).await;
        let lost = Duration::from_millis(lost.load(Ordering::Relaxed) - lost_before);
        let took = took.saturating_sub(lost);
        assert!(took < METRICS_TIME, "{path} is left to the gateway's own answer: {took:?}");
    }
    reads
}

/// Runs `relay` all the time. A round may fail, but it ends before Lambda would end it.
async fn relay(test: Arc<LoadTest>, is_over: Arc<AtomicBool>) {
    let relay = relay::Ports { clock: ShiftedClock::default(), ..test.relay() };
    while !is_over.load(Ordering::Relaxed) {
        let deadline = SystemClock.now() + RELAY_TIME;
        let round = timeout(RELAY_TIME, relay.run_once(deadline)).await;
        drop(round.expect("relay gives up in time"));
        sleep(Duration::from_millis(200)).await;
    }
}
