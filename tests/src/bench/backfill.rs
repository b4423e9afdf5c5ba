//! Measures how fast `fetch` pulls a history.
//!
//! If the vendor replies at once, the measure is plain INSERTs of the same pages. If it takes as
//! long as a real one, the measure is the vendor's own time.

use std::collections::HashMap;
use std::net::TcpListener;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use axum::Router;
use axum::body::Bytes;
use axum::http::Uri;
use fetch::{Limits, Outcome, Ports, vendors};
use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_domain::config::Env;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::ids::OutboxId;
use penstock_testkit::{MemoryQueue, TestDatabase};
use tokio::sync::{Mutex, oneshot};
use tokio_postgres::types::{ToSql, Type};
use uuid::Uuid;

use super::figures::{Figures, median, per_second};
use super::say;
use super::stock::{YEAR, run};
use crate::http_client;
use crate::simulators::stripe::{AccountSpec, StripeAccount, StripeSimulator};

/// Charges of the simulated year: 200 pages and 12 windows.
const CHARGES: u32 = 20_000;

/// An odd number, for the median.
const ROUNDS: usize = 5;

/// The time of a reply, about that of Stripe.
const REPLY: Duration = Duration::from_millis(100);

/// Objects in a page.
const PAGE: usize = 100;

/// Inserts a page and does nothing else.
const PLAIN: &str = "
insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, next_attempt_at,
                    received_at)
select id, 'bare', 'charge', external_id, '', now(), payload, 'application/json', now(), now()
  from unnest($1, $2, $3) as i (id, external_id, payload)";

/// Measures both: with a vendor that replies at once, and with one that takes its time.
pub(super) async fn measure(figures: &mut Figures) {
    say(&format!("backfill: {CHARGES} charges of a year, from a vendor whose replies are kept"));
    let spec = AccountSpec::between(4, CHARGES, YEAR.0, YEAR.1).at(YEAR.1).punctual();
    let vendor = Kept::start(StripeAccount::new(spec));
    pulled(&vendor, 4).await;
    let (mut ours, mut plain) = (Vec::new(), Vec::new());
    for round in 1..=ROUNDS {
        let (rate, db) = pulled(&vendor, 4).await;
        let bare = inserted(&db).await;
        say(&format!(
            "backfill: round {round} of {ROUNDS}: {rate:.0} rows/s, in plain INSERTs {bare:.0}"
        ));
        ours.push(rate);
        plain.push(bare);
    }
    figures.note("backfill_rows_s", median(&ours));
    figures.note("backfill_plain_rows_s", median(&plain));
    let ratios: Vec<f64> = ours.iter().zip(&plain).map(|(ours, plain)| ours / plain).collect();
    figures.note("backfill_ratio", median(&ratios));

    vendor.answer_after(REPLY);
    for at_once in [1_u8, 4, 8] {
        let (rate, _) = pulled(&vendor, at_once).await;
        let limit = f64::from(at_once) * 100.0 / REPLY.as_secs_f64();
        say(&format!(
            "backfill: {at_once} at once from one that takes {REPLY:?} a reply: {rate:.0} rows/s of {limit:.0}"
        ));
        figures.note(format!("backfill_rows_s_100ms_{at_once}_at_once"), rate);
        figures.note(format!("backfill_wait_ratio_{at_once}_at_once"), rate / limit);
    }
}

/// Returns the rows per second of a full run into a database of its own.
async fn pulled(vendor: &Kept, at_once: u8) -> (f64, TestDatabase) {
    let db = TestDatabase::new().await;
    let at_once = at_once.to_string();
    let env: Env = [
        ("STRIPE_BASE_URL", vendor.url.as_str()),
        ("STRIPE_API_KEY", crate::simulators::stripe::DEFAULT_KEY),
        ("STRIPE_RATE_PER_SECOND", "100000"),
        ("STRIPE_CONCURRENCY", &at_once),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .collect();
    let ports = Ports {
        limits: Limits::default(),
        database: db.database(1),
        vendors: vendors::from_env(&env, &Arc::new(Aws::default()), SystemClock).expect("settings"),
        connections: fetch::Connections::default(),
        tickets: MemoryQueue::default(),
        requests: MemoryQueue::default(),
        clock: SystemClock,
    };
    drop(ports.database.connection().await.expect("a connection"));
    run(&db.client().await, "checkpoint").await;
    let deadline = SystemClock.now() + Duration::from_secs(600);
    let started = Instant::now();
    let outcome = ports
        .serve(&FetchRequest::new("stripe", "charge", Mode::Full), deadline)
        .await
        .expect("a run");
    let took = started.elapsed();
    let Outcome::Finished { new_rows, .. } = outcome else {
        panic!("the run ends otherwise: {outcome:?}")
    };
    assert_eq!(new_rows, usize::try_from(CHARGES).expect("a size"));
    (per_second(new_rows, took), db)
}

/// Returns the rows per second of plain INSERTs of the same bytes, one transaction for each page.
async fn inserted(db: &TestDatabase) -> f64 {
    let client = db.client().await;
    let rows = "select external_id, payload from outbox where source = 'stripe' order by id";
    let rows = client.query(rows, &[]).await.expect("the rows");
    let mut took = Duration::ZERO;
    for page in rows.chunks(PAGE) {
        let ids: Vec<Uuid> = page.iter().map(|_| OutboxId::new(SystemClock.now()).0).collect();
        let names: Vec<&str> = page.iter().map(|row| row.get(0)).collect();
        let payloads: Vec<&[u8]> = page.iter().map(|row| row.get(1)).collect();
        let parameters: [(&(dyn ToSql + Sync), Type); 3] =
            [(&ids, Type::UUID_ARRAY), (&names, Type::TEXT_ARRAY), (&payloads, Type::BYTEA_ARRAY)];
        let started = Instant::now();
        client.execute_typed(PLAIN, &parameters).await.expect("a page");
        took += started.elapsed();
    }
    per_second(rows.len(), took)
}

/// A vendor that renders each reply once, and sends the kept bytes on every later request.
struct Kept {
    url: String,
    delay_ms: Arc<AtomicU64>,
    server: Option<(oneshot::Sender<()>, JoinHandle<()>)>,
}

impl Kept {
    /// Starts on a thread of its own, as the simulator behind it does.
    fn start(account: StripeAccount) -> Self {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a free port");
        listener.set_nonblocking(true).expect("a socket that does not block");
        let url = format!("http://{}", listener.local_addr().expect("an address"));
        let delay_ms = Arc::new(AtomicU64::new(0));
        let (stop, stopped) = oneshot::channel();
        let delay = Arc::clone(&delay_ms);
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(serve(listener, account, delay, stopped));
        });
        Self { url, delay_ms, server: Some((stop, thread)) }
    }

    fn answer_after(&self, delay: Duration) {
        self.delay_ms
            .store(u64::try_from(delay.as_millis()).expect("a short time"), Ordering::Relaxed);
    }
}

impl Drop for Kept {
    fn drop(&mut self) {
        if let Some((stop, thread)) = self.server.take() {
            stop.send(()).unwrap_or_default();
            thread.join().unwrap_or_default();
        }
    }
}

async fn serve(
    listener: TcpListener,
    account: StripeAccount,
    delay_ms: Arc<AtomicU64>,
    stopped: oneshot::Receiver<()>,
) {
    let simulator = Arc::new(StripeSimulator::start(account).expect("a simulator"));
    let (http, kept) = (http_client::new(), Arc::new(Mutex::new(HashMap::<String, Bytes>::new())));
    let answer = move |uri: Uri| {
        let (simulator, http, kept, delay_ms) =
            (Arc::clone(&simulator), http.clone(), Arc::clone(&kept), Arc::clone(&delay_ms));
        async move {
            tokio::time::sleep(Duration::from_millis(delay_ms.load(Ordering::Relaxed))).await;
            let asked = uri.path_and_query().map(ToString::to_string).unwrap_or_default();
            let mut kept = kept.lock().await;
            if let Some(body) = kept.get(&asked) {
                return body.clone();
            }
            let reply = http
                .get(format!("{}{asked}", simulator.url()))
                .bearer_auth(simulator.key())
                .send()
                .await;
            let body = reply.expect("a reply").bytes().await.expect("a body");
            kept.insert(asked, body.clone());
            body
        }
    };
    let listener = tokio::net::TcpListener::from_std(listener).expect("a listener");
    tokio::select! {
        served = axum::serve(listener, Router::new().fallback(answer)) => served.expect("it serves"),
        _ = stopped => {}
    }
}
