//! The time of a deployment: the rules, `relay`, the front door, and SQS with its visibility
//! time-outs, receive counts, dead-letter queues and retention.

use std::time::Duration;

use jiff::Timestamp;
use metrics::MetricsConfig;
use penstock_domain::clock::Clock;
use penstock_domain::due::{Due, DueRequest};
use penstock_edge::http::{Request, Service as _};
use penstock_store::Database;
use penstock_store::admission::Admission;
use penstock_testkit::MemoryQueue;
use penstock_tests::test_app::{TestApp, admission, batch};
use serde_json::{Value, json};

use crate::ingest::post;
use crate::metrics::event;

const MINUTE: Duration = Duration::from_secs(60);

/// The rule for incremental runs.
const QUARTER: Duration = Duration::from_secs(15 * 60);

/// The rules for push channels and for what only a full run repairs.
const DAY: Duration = Duration::from_secs(86_400);

/// SQS moves a message to its dead-letter queue after this many receives.
const MOST_RECEIVES: u32 = 5;

#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Ticket,
    Request,
    Spill,
}

impl Kind {
    /// The visibility time-outs of the template, but for tickets, which come again sooner.
    const fn visibility(self) -> Duration {
        Duration::from_secs(match self {
            Self::Ticket => 60,
            Self::Request => 1_800,
            Self::Spill => 120,
        })
    }
}

struct Message {
    kind: Kind,
    body: String,
    receives: u32,
    visible_at: Timestamp,
}

/// The queues between the functions, and what clients were promised.
#[derive(Default)]
pub struct World {
    waiting: Vec<Message>,
    dead_letter_queue: Vec<String>,
    passed: Duration,
    leads: i64,
    /// Whether SQS neither takes messages nor delivers any.
    pub queues_away: bool,
}

impl World {
    /// Lets a minute pass. `failing` says whether rules and `relay` may fail.
    pub async fn minute(&mut self, app: &TestApp, failing: bool) {
        self.pass(app, MINUTE, failing).await;
    }

    /// Lets `time` pass, with one round of everything at its end and a lead that comes in.
    pub async fn pass(&mut self, app: &TestApp, time: Duration, failing: bool) {
        for queue in [&app.tickets, &app.requests, &app.spill] {
            queue.refuse(self.queues_away);
        }
        app.clock.advance(time);
        let (before, after) = (self.passed.as_secs(), (self.passed + time).as_secs());
        let is_quarter = after.div_ceil(QUARTER.as_secs()) > before.div_ceil(QUARTER.as_secs());
        let is_night = after / DAY.as_secs() > before / DAY.as_secs();
        let nightly: &[Due] = if is_night { &[Due::Watch, Due::Full] } else { &[] };
        for due in is_quarter.then_some(&Due::Incremental).into_iter().chain(nightly) {
            let deadline = app.clock.now() + 5 * MINUTE;
            let ruled = app.fetch.handle(json!(DueRequest { due: *due }), deadline).await;
            assert!(failing || ruled.is_ok(), "{ruled:?}");
        }
        self.passed += time;
        let round = app.relay.run_once(app.relay_deadline()).await;
        assert!(failing || round.is_ok(), "{round:?}");
        let lead = format!("{{\"email\":\"{}@example.com\"}}", self.passed.as_secs());
        let reply = post(&app.ingest, "/leads", &[], lead.as_bytes()).await;
        assert!(matches!(reply.status, 201 | 202), "{}", reply.body);
        self.leads += 1;
        if !self.queues_away {
            self.collect(app);
            self.deliver(app).await;
        }
    }

    /// Returns the number of leads whose senders were told that they are kept.
    pub fn promised(&self) -> i64 {
        self.leads
    }

    /// Takes it that so many of them were lost, as a restore of the database loses them.
    pub fn lose(&mut self, leads: i64) {
        self.leads -= leads;
    }

    /// Empties all queues, as they are in another region. Returns how many leads went with them.
    pub fn lose_queues(&mut self, app: &TestApp) -> i64 {
        self.collect(app);
        let spilled = self.waiting.drain(..).filter(|message| message.kind == Kind::Spill);
        let bodies = spilled.map(|message| message.body).chain(self.dead_letter_queue.drain(..));
        let leads = bodies.filter(|body| body.contains("\"route\":\"leads\"")).count();
        i64::try_from(leads).unwrap()
    }

    /// Takes what the functions have sent.
    fn collect(&mut self, app: &TestApp) {
        let now = app.clock.now();
        let of = |kind: Kind, queue: &MemoryQueue| -> Vec<Message> {
            let sent = queue.delays().into_iter().zip(queue.take());
            let message =
                |(delay, body)| Message { kind, body, receives: 0, visible_at: now + delay };
            sent.map(message).collect()
        };
        self.waiting.extend(of(Kind::Ticket, &app.tickets));
        self.waiting.extend(of(Kind::Request, &app.requests));
        self.waiting.extend(of(Kind::Spill, &app.spill));
    }

    /// Delivers each message that is visible, and those of the dead-letter queues to `bury`.
    async fn deliver(&mut self, app: &TestApp) {
        let now = app.clock.now();
        let (visible, invisible): (Vec<_>, Vec<_>) =
            self.waiting.drain(..).partition(|message| message.visible_at <= now);
        self.waiting = invisible;
        for mut message in visible {
            message.receives += 1;
            if message.receives > MOST_RECEIVES {
                self.dead_letter_queue.push(message.body);
            } else if !is_done(app, &message).await {
                message.visible_at = now + message.kind.visibility();
                self.waiting.push(message);
            }
        }
        let mut left = Vec::new();
        for body in self.dead_letter_queue.drain(..) {
            if app.bury.handle(batch(std::slice::from_ref(&body), 1)).await.failures() > 0 {
                left.push(body);
            }
        }
        self.dead_letter_queue = left;
    }

    /// Asserts that no row has lost an attempt, that nothing is dead, and that all that was
    /// promised is there.
    pub async fn assert_caught_up(&self, app: &TestApp) {
        assert_nothing_is_blamed(app).await;
        assert_eq!(app.db.scalar::<i64>("select count(*) from leads").await, self.leads);
        assert_eq!(
            app.db.scalar::<i64>("select count(*) from circuits").await,
            0,
            "all are closed"
        );
        assert!(self.dead_letter_queue.is_empty());
        let left = "select coalesce(string_agg(to_jsonb(s)::text, ' '), '') from sync_state s \
                    where run_id is not null or requested_at is not null";
        assert_eq!(app.db.scalar::<String>(left).await, "", "no run is left");
    }
}

async fn is_done(app: &TestApp, message: &Message) -> bool {
    let bodies = std::slice::from_ref(&message.body);
    match message.kind {
        Kind::Ticket => app.deliver(bodies, message.receives).await.failures() == 0,
        Kind::Spill => app.bring_in(bodies).await == 0,
        Kind::Request => {
            let deadline = app.clock.now() + 5 * MINUTE;
            let event = json!({"Records": [{"messageId": "m", "body": message.body}]});
            let reply = app.fetch.handle(event, deadline).await.unwrap();
            reply["batchItemFailures"] == json!([])
        }
    }
}

/// Asserts that no pending row has lost an attempt, and that nothing is dead.
pub async fn assert_nothing_is_blamed(app: &TestApp) {
    let blamed = "select count(*) filter (where status = 'dead' or crashes > 0 or status = 'pending' and attempts > 0) \
                  from outbox";
    assert_eq!(app.db.scalar::<i64>(blamed).await, 0);
    let letters = "select coalesce(string_agg(error, ' '), '') from dead_letters";
    assert_eq!(app.db.scalar::<String>(letters).await, "");
}

/// Has every function find Postgres away, and returns where it was.
pub fn cut_off(app: &mut TestApp) -> [Database; 6] {
    let nowhere = app.nowhere();
    swap(app, [0; 6].map(|_| nowhere.clone()))
}

/// Gives the functions these databases, and returns those that they had.
pub fn swap(app: &mut TestApp, databases: [Database; 6]) -> [Database; 6] {
    let [fetch, process, relay, bury, ingest, webhook] = databases;
    app.ingest.admission = admission(ingest.clone(), 1_000);
    let put = |place: &mut Database, database| std::mem::replace(place, database);
    [
        put(&mut app.fetch.database, fetch),
        put(&mut app.process.database, process),
        put(&mut app.relay.database, relay),
        put(&mut app.bury.database, bury),
        put(&mut app.ingest.database, ingest),
        put(&mut app.webhook.database, webhook),
    ]
}

/// Asks `metrics` over `database` whether it is ready, and returns status and body of the reply.
pub async fn readiness(app: &TestApp, database: Database) -> (u16, Value) {
    let config =
        MetricsConfig::from_env(&std::iter::empty::<(String, String)>().collect()).unwrap();
    let ports = metrics::Ports {
        admission: Admission::new(database.clone(), config.rate_limit_per_second),
        database,
        config,
        clock: app.clock.clone(),
        started: app.clock.now(),
    };
    let request: Request = serde_json::from_value(event("GET", "/readyz", &[])).unwrap();
    let reply = ports.handle(&request, "invocation").await;
    (reply.status_code, serde_json::from_str(reply.text()).unwrap())
}
