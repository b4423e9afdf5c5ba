//! A unit of work of each function that works with the database, done by its own process.

use penstock_clients::clock::SystemClock;
use penstock_domain::account::Role;
use penstock_domain::analytics::Table;
use penstock_domain::clock::Clock as _;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::transaction::Message;
use penstock_store::api_keys::Scope;
use penstock_store::transactions::{self, New, TakenIn};
use penstock_testkit::Outcome;
use penstock_tests::clock::SetClock;
use penstock_tests::fake_aws::FakeAws;
use penstock_tests::simulators::bigquery::{self, BigQuerySimulator, LoadedRow};
use penstock_tests::simulators::s3::S3Simulator;
use penstock_tests::simulators::third_party::ThirdPartySimulator;
use penstock_tests::test_app::{INGEST_KEY, TestApp};
use penstock_tests::victim::{Victim, leases_run_out};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::accounts::{Ask, made_user, planted_session};
use crate::admin::trigger::{ADMIN_KEY, admin};
use crate::metrics::{READ_KEY, add_key};
use crate::stripe_account::{account, assert_true};
use crate::webhook::secrets::BuiltWebhook;

/// The functions with a login of their own.
pub const FUNCTIONS: [&str; 15] = [
    "accounts", "admin", "archive", "bury", "console", "digest", "fetch", "ingest", "load",
    "metrics", "process", "relay", "settle", "transact", "webhook",
];

const SECRET: &str = "whsec_of_the_unit";

/// The name that the person of `accounts` takes.
const NAME: &str = "Ada of the unit";

/// The size of the vendor's account.
const CHARGES: u32 = 40;

/// A function, what it is invoked with, and the database where that waits to be done.
pub struct Unit {
    pub function: &'static str,
    pub app: TestApp,
    pub event: Value,
    /// Decides the transaction of `settle`.
    party: ThirdPartySimulator,
    /// Holds the day that `load` deletes.
    bigquery: Option<BigQuerySimulator>,
    /// Takes the files of `archive`.
    s3: S3Simulator,
}

/// The transaction of the unit.
const TRANSACTION: Uuid = Uuid::from_u128(0x019a_0c9e_6a10_7bb3_8f0e_0000_0000_0001);

impl Unit {
    pub async fn of(function: &'static str, seed: u64) -> Self {
        let mut bigquery = None;
        let app = Box::pin(TestApp::over(account(seed, CHARGES))).await;
        let event = match function {
            "accounts" => {
                let now = SystemClock.now();
                let person = made_user(&app.db, "ada@example.com", Role::Viewer, None, now).await;
                let token = planted_session(&app.db, person.id, true, now).await;
                Ask::post("/api/auth/update-user", &json!({"name": NAME})).session(&token).event()
            }
            "admin" => {
                admin(&app).await;
                http("POST", "/trigger/stripe/full", "x-admin-api-key", ADMIN_KEY, "")
            }
            "console" => {
                let now = SystemClock.now();
                let person = made_user(&app.db, "bo@example.com", Role::Operator, None, now).await;
                let token = planted_session(&app.db, person.id, true, now).await;
                let key = TRANSACTION.to_string();
                let fields = [("connection", "stripe"), ("mode", "full"), ("key", &key)];
                Ask::form("/console/runs/start", &fields).session(&token).event()
            }
            "bury" => messages(&["no ticket".to_owned()]),
            // It reads all that a digest reads, and sends nothing.
            "digest" => {
                app.fetch_all().await.unwrap();
                app.drain().await;
                json!({"digest": "preview"})
            }
            "fetch" => {
                let pull = FetchRequest::new("stripe", "charge", Mode::Full);
                serde_json::to_value(pull).unwrap()
            }
            "ingest" => {
                app.let_in().await;
                http("POST", "/leads", "x-api-key", INGEST_KEY, "a lead")
            }
            "archive" => {
                app.fetch_all().await.unwrap();
                app.drain().await;
                app.db.until_over().await;
                everything_to_the_copy()
            }
            "load" => {
                bigquery = Some(with_a_day_to_delete(&app).await);
                json!({"load": "due"})
            }
            "metrics" => {
                add_key(&app.db.client().await, READ_KEY, Scope::Read).await;
                app.fetch_all().await.unwrap();
                app.drain().await;
                http("GET", "/metrics/revenue/summary", "x-api-key", READ_KEY, "")
            }
            "process" => {
                app.fetch_all().await.unwrap();
                messages(&app.tickets.take())
            }
            "relay" => {
                app.fetch_all().await.unwrap();
                drop(app.tickets.take());
                make_due(&app).await;
                json!({})
            }
            "settle" => {
                take_in(&app).await;
                messages(&[Message::Transaction(TRANSACTION).to_body()])
            }
            "transact" => {
                app.let_in().await;
                let body = format!(r#"{{"id":"{TRANSACTION}"}}"#);
                http("POST", "/transactions", "x-api-key", INGEST_KEY, &body)
            }
            "webhook" => BuiltWebhook::event("evt_1", &[SECRET]),
            other => panic!("{other} has no unit of work"),
        };
        let clock = SetClock::at(SystemClock.now());
        let party = ThirdPartySimulator::start(seed, &clock).unwrap();
        let s3 = S3Simulator::start().await;
        Self { function, app, event, party, bigquery, s3 }
    }

    /// Starts a process of the function. Each is an environment of its own, with its own files.
    pub async fn start(&self, environment: &str) -> Victim {
        let files = std::env::temp_dir().join(self.app.db.login().database).join(environment);
        std::fs::create_dir_all(&files).unwrap();
        let settings = [
            ("TMPDIR", files.display().to_string()),
            ("SOURCES", "stripe".to_owned()),
            ("STRIPE_BASE_URL", self.app.stripe.url()),
            ("STRIPE_API_KEY", self.app.stripe.key()),
            ("STRIPE_LIVEMODE", "false".to_owned()),
            ("STRIPE_RATE_PER_SECOND", "1000".to_owned()),
            ("STRIPE_WEBHOOK_SECRET", SECRET.to_owned()),
            ("THIRD_PARTY_BASE_URL", self.party.url()),
            ("THIRD_PARTY_KEY", self.party.key()),
        ];
        let of_load = self.bigquery.as_ref().map(|bigquery| {
            [
                ("ARCHIVE_BUCKET", "none".to_owned()),
                ("BIGQUERY_PROJECT", bigquery::PROJECT.to_owned()),
                ("BIGQUERY_SERVICE_ACCOUNT", bigquery.key_file()),
                ("BIGQUERY_BASE_URL", bigquery.url()),
            ]
        });
        let of_archive = (self.function == "archive").then(|| {
            [
                ("ARCHIVE_BUCKET", self.s3.bucket().to_owned()),
                ("AWS_ENDPOINT_URL_S3", self.s3.url().to_owned()),
            ]
        });
        let settings = settings.into_iter().chain(of_load.into_iter().flatten());
        let settings: Vec<_> = settings.chain(of_archive.into_iter().flatten()).collect();
        Victim::start(self.function, &self.app.db, &settings).await
    }

    /// The number of messages to Postgres by which a new process does the work.
    pub async fn messages(function: &'static str, seed: u64) -> u64 {
        let unit = Self::of(function, seed).await;
        let process = unit.start("dry run").await;
        // With less time than its margin, `load` begins nothing.
        let deadline = std::time::Duration::from_secs(100);
        let outcome = process.host.invoke_with_deadline(unit.event.clone(), deadline).await;
        assert!(unit.is_done(&outcome), "{function}: {outcome:?}");
        process.proxy.messages()
    }

    /// Whether the work is done, or a request is safe on the queue of spilled ones.
    pub fn is_done(&self, outcome: &Outcome) -> bool {
        let Outcome::Replied(reply) = outcome else { return false };
        match self.function {
            "process" | "bury" | "settle" => *reply == json!({"batchItemFailures": []}),
            "fetch" => reply["outcome"] == "finished",
            "digest" => reply["preview"]["subject"].is_string(),
            "archive" => reply["left"] == 0,
            "load" => ["waiting", "parked", "restsS"].iter().all(|name| reply[name] == 0),
            "relay" => true,
            "console" => reply["statusCode"] == 303,
            _ => [200, 201, 202].contains(&reply["statusCode"].as_u64().unwrap()),
        }
    }

    /// Whether a process that was stopped has ended its invocation as it may: by a reply that is
    /// true, or by one that has the work come again.
    pub fn is_clean(&self, outcome: &Outcome) -> bool {
        let again = match (self.function, outcome) {
            (
                "archive" | "digest" | "fetch" | "load" | "relay",
                Outcome::Replied(_) | Outcome::Failed { .. },
            ) => true,
            ("process" | "bury" | "settle", Outcome::Replied(reply)) => {
                reply["batchItemFailures"].is_array()
            }
            (_, Outcome::Replied(reply)) => reply["statusCode"] == 503,
            _ => false,
        };
        again || self.is_done(outcome)
    }

    /// Lets go of what another process may not have before time has passed.
    pub async fn time_passes(&self) {
        let sql = match self.function {
            "fetch" => return leases_run_out(&self.app.db).await,
            "archive" => "update archive_batches set claimed_until = null where state = 'planned'",
            // As after the time for which one invocation alone may delete a day.
            "load" => "update archive_rebuilds set next_try_at = now() where state = 'copying'",
            // As after the time for which a step is claimed.
            "settle" => {
                "update transactions set next_action_at = '-infinity', message_due_at = '-infinity' \
                 where next_action_at is not null"
            }
            _ => return,
        };
        self.app.db.client().await.batch_execute(sql).await.unwrap();
    }

    /// Works the transaction until it has ended, and compares it with the third party's book.
    async fn settled(&self) {
        let process = self.start("afterwards").await;
        for _ in 0..10 {
            self.time_passes().await;
            let outcome = process.host.invoke(self.event.clone()).await;
            assert!(self.is_done(&outcome), "{outcome:?}");
        }
        let entry = self.party.entry(&TRANSACTION).unwrap();
        assert_eq!(entry.effects.len(), 1, "{entry:?}");
    }

    /// Copies until all is copied.
    async fn copied(&self) {
        let process = self.start("afterwards").await;
        self.app.db.until_over().await;
        self.time_passes().await;
        let outcome = process.host.invoke(self.event.clone()).await;
        assert!(self.is_done(&outcome), "{outcome:?}");
    }

    /// Works off what the processes have sent and what waits, and compares all with the truth.
    pub async fn assert_exact(&self, queues: &[&FakeAws]) {
        let Self { app, function, .. } = self;
        for aws in queues {
            let spilled = [aws.take_from("spill"), aws.take_from("ingest-spill")].concat();
            if !spilled.is_empty() {
                // As built: the seals have the time of its clock.
                let webhook = Victim::start("webhook", &app.db, &[]).await;
                let outcome = webhook.host.invoke(messages(&spilled)).await;
                assert_eq!(outcome, Outcome::Replied(json!({"batchItemFailures": []})));
            }
            let spilled = aws.take_from("transact-spill");
            if !spilled.is_empty() {
                let transact = Victim::start("transact", &app.db, &[]).await;
                let outcome = transact.host.invoke(messages(&spilled)).await;
                assert_eq!(outcome, Outcome::Replied(json!({"batchItemFailures": []})));
            }
            for tickets in aws.take_from("tickets").chunks(10) {
                assert_eq!(app.deliver(tickets, 1).await.failures(), 0);
            }
        }
        make_due(app).await;
        app.relay.run_once(app.relay_deadline()).await.unwrap();
        app.drain().await;
        let (sql, expected) = match *function {
            "accounts" => {
                let named = "select count(*) from users where name = 'Ada of the unit' \
                             and exists (select from audit_log)";
                (named, 1)
            }
            "admin" => ("select count(*) from run_requests", 1),
            "console" => {
                ("select count(*) from run_requests where exists (select from audit_log)", 1)
            }
            "bury" => ("select count(*) from dead_letters", 1),
            "ingest" => ("select count(*) from leads", 1),
            "archive" => {
                self.copied().await;
                (
                    "select (select sum(rows) from archive_batches where table_name = 'payments')::bigint \
                         - (select count(*) from payments)",
                    0,
                )
            }
            "load" => {
                let bigquery = self.bigquery.as_ref().unwrap();
                assert_eq!(bigquery.rows("penstock", "events"), []);
                let left = "select (select count(*) from archive_loads) + (select count(*) from archive_rebuilds)";
                (left, 0)
            }
            "transact" => ("select count(*) from transactions", 1),
            "settle" => {
                self.settled().await;
                ("select count(*) from transactions where status = 'completed'", 1)
            }
            "webhook" => ("select count(*) from outbox", 1),
            "fetch" => {
                app.fetch_all().await.unwrap();
                app.drain().await;
                let twice = "select count(*) from (select from outbox group by entity, external_id, run_id \
                             having count(*) > 1) t";
                assert_true(app).await;
                (twice, 0)
            }
            _ => return assert_true(app).await,
        };
        app.db.assert_nothing_waits().await;
        assert_eq!(app.db.scalar::<i64>(sql).await, expected, "{function}: {sql}");
    }
}

/// Asks `archive` for all that is there, and for no day.
fn everything_to_the_copy() -> Value {
    json!({"archive": {"from": "2020-01-01", "to": "2020-01-01"}})
}

/// A BigQuery with a day of one row, whose file does not count any more.
async fn with_a_day_to_delete(app: &TestApp) -> BigQuerySimulator {
    let bigquery = BigQuerySimulator::start(SystemClock.now());
    bigquery.follow(|| SystemClock.now());
    bigquery.make_dataset("penstock", "EU");
    let events = Table::named("events").unwrap();
    let columns: Vec<_> = events.columns.iter().map(|c| (c.name, c.kind.in_bigquery())).collect();
    bigquery.make_table("penstock", "events", &columns);
    let arrived_at = "2026-11-29T12:00:00Z".parse().unwrap();
    let row = LoadedRow { row_key: "1".into(), archive_epoch: 1, tx: 1, arrived_at, amount: None };
    bigquery.add_rows("penstock", "events", &[row]);
    let sql = "insert into archive_batches (id, table_name, epoch, from_tx, to_tx, day, part, key, state, rows, bytes, sha256,
                                            planned_at, done_at)
               values (gen_random_uuid(), 'events', 1, 1, 2, '2026-11-29', 0, 'key', 'replaced', 1, 1, '', now(), now());
               insert into archive_targets (table_name, target) values ('events', 'penstock-tests.penstock');
               insert into archive_loads (batch_id, table_name, day, state, job_id, next_try_at, loaded_at)
               select id, table_name, day, 'loaded', 'job', now(), now() from archive_batches";
    app.db.client().await.batch_execute(sql).await.unwrap();
    bigquery
}

/// A transaction of which nothing was done yet.
async fn take_in(app: &TestApp) {
    let now = SystemClock.now();
    let day = std::time::Duration::from_secs(24 * 60 * 60);
    let body = format!(r#"{{"id":"{TRANSACTION}"}}"#);
    let new = New {
        id: TRANSACTION,
        sender: "a client",
        body: body.as_bytes(),
        body_sha256: b"",
        deadline: now + day,
    };
    let taken = transactions::take_in(&app.db.client().await, &new, now, now).await;
    assert_eq!(taken.unwrap(), TakenIn::New);
}

/// Makes all pending rows due for `relay`, by whichever clock.
async fn make_due(app: &TestApp) {
    let due = "update outbox set next_attempt_at = '-infinity' where status = 'pending'";
    app.db.client().await.batch_execute(due).await.unwrap();
}

fn http(method: &str, path: &str, header: &str, key: &str, body: &str) -> Value {
    json!({
        "version": "2.0", "rawPath": path, "rawQueryString": "", "body": body, "isBase64Encoded": false,
        "headers": {header: key, "idempotency-key": "of-the-unit"},
        "requestContext": {"http": {"method": method}, "stage": "$default"},
    })
}

fn messages(bodies: &[String]) -> Value {
    let record = |(i, body): (usize, &String)| json!({"messageId": format!("m{i}"), "body": body, "attributes": {"ApproximateReceiveCount": "1"}});
    json!({"Records": bodies.iter().enumerate().map(record).collect::<Vec<_>>()})
}
