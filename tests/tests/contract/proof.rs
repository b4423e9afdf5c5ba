//! The functions keep their contract under all requests of Schemathesis.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use penstock_clients::clock::SystemClock;
use penstock_clients::secret::Secret;
use penstock_domain::account::password::Cost;
use penstock_domain::clock::Clock as _;
use penstock_domain::source::SOURCES;
use penstock_domain::third_party::Http;
use penstock_domain::transaction;
use penstock_store::admission::Admission;
use penstock_store::api_keys::{self, NewKey, Scope};
use penstock_testkit::{MemoryQueue, MemorySecrets, TestDatabase};
use penstock_tests::gateway::{Handlers, Server, Settings};
use penstock_tests::test_app::{issuer, seals};
use penstock_tests::thorough::is_thorough;
use serde_json::Value;
use sha2::{Digest as _, Sha256};
use tokio::process::Command;
use uuid::Uuid;

use crate::clients::program;
use crate::documents::document;

pub const READ: &str = "a read key of the contract";
pub const INGEST: &str = "an ingest key of the contract";
const ADMIN: &str = "an admin key of the contract";
const SIGNING_SECRET: &str = "whsec_of_the_contract";

/// Signs the call-backs of the third party.
const CALL_BACK_SECRET: &str = "whsec_Y2FsbC1iYWNrcyBvZiB0aGUgY29udHJhY3Q=";

/// How much Schemathesis tries.
#[derive(Clone, Copy)]
struct Size {
    /// The run tries one example in so many of those that schemathesis.toml asks for.
    one_in: u64,
    /// Fewer cases than this prove too little.
    least_cases: u64,
    /// Each operation must accept as many requests: if a route only ever refused, the run would
    /// prove nothing of its replies.
    least_accepted: u64,
}

const QUICK: Size = Size { one_in: 9, least_cases: 1_000, least_accepted: 3 };

const SMALL: Size = Size { one_in: 5, least_cases: 1_500, least_accepted: 5 };

const FULL: Size = Size { one_in: 1, least_cases: 5_000, least_accepted: 20 };

/// A rate per second at which no key is ever limited.
const UNLIMITED: u32 = 1_000_000;

const SEED: &str = "
    insert into payments (source, kind, external_id, amount, currency, status, raw_status, occurred_at, version_at, native,
                          version_rank, content_hash, raw, outbox_id, updated_at)
    select 'stripe', 'charge', 'ch_' || n, 1000 + n, (array['EUR', 'USD', 'JPY'])[1 + n % 3], 'succeeded',
           case when n % 10 = 0 then 'odd' else 'succeeded' end, at, at, true, 0, 0, '', gen_random_uuid(), at
      from generate_series(1, 200) n, lateral (select now() - n * interval '11 hours' as at) t;
    insert into sync_runs (id, source, entity, mode, status, started_at, updated_at, finished_at)
    select gen_random_uuid(), 'stripe', 'event', 'incremental', (array['succeeded', 'failed'])[1 + n % 2], at, at, at
      from generate_series(1, 30) n, lateral (select now() - n * interval '15 minutes' as at) t;
    insert into events (event_id, user_id, session_id, type, payload, metadata, occurred_at, received_at, clock_skew, outbox_id)
    select 'e-' || n, 'u-1', 's-1', 'click', case n % 3 when 0 then '{\"n\": 1e400}' when 1 then 'null' end,
           null, at, at, null, gen_random_uuid()
      from generate_series(1, 30) n, lateral (select now() - n * interval '1 minute' as at) t;
    insert into leads (id, state, name, email, phone, description, content_type, body, received_at, outbox_id)
    select ('00000000-0000-7000-8000-00000000000' || n)::uuid, (array['accepted', 'conflicting', 'rejected'])[1 + n % 3],
           'Ada ' || n, 'a' || n || '@example.com', '=1+1', E'a,\"b\"\n', 'application/json',
           (array['{\"a\":[1e400]}', 'a=b', '\\xff'])[1 + n % 3]::bytea, now(), gen_random_uuid()
      from generate_series(1, 9) n;
    insert into dead_letters (id, payload, error, error_kind, attempts, message_id, created_at)
    select ('019a0c9e-6a10-7bb3-8f0e-' || lpad(n::text, 12, '0'))::uuid, 'made by hand', 'not a ticket: ' || n,
           'malformed_ticket', 5, 'message-' || n, now() from generate_series(1, 20) n;
    insert into dead_letters (id, payload, error, error_kind, attempts, message_id, created_at)
    values ('019a0c9e-6a10-7bb3-8f0e-2f8a3f2f9d11', 'the example of the contract', 'not a ticket', 'malformed_ticket', 5,
            'message-21', now());
    insert into jobs (id, kind, filter, fingerprint, state, rate, asked_by, items, is_capped, planned_at, started_at)
    select ('019a0c9e-6a10-7bb3-8f0f-' || lpad(n::text, 12, '0'))::uuid, 'replay', '{}', int4send(n), 'running', 50,
           'operator', 0, false, now(), now() from generate_series(1, 400) n;
    insert into transactions (id, sender, body, body_sha256, status, knowledge, attempt, submissions, first_begun_at, last_begun_at,
                              deadline, received_at, updated_at)
    select ('019a0c9e-6a10-7bb3-8f10-' || lpad(n::text, 12, '0'))::uuid, 'a client', '{}', '', 'needs_review', 'unknown', 1, 1, now(),
           now(), now(), now(), now() from generate_series(1, 40) n;
    insert into users (id, email, name, email_verified, role, created_at, updated_at)
    select ('019a0c9e-6a10-7bb3-8f11-' || lpad(n::text, 12, '0'))::uuid, 'a' || n || '@example.com', 'Ada', true, 'admin',
           now(), now() from generate_series(1, 20200) n;
    insert into sessions (id, user_id, token_sha256, remembered, created_at, renewed_at, last_seen_at, expires_at)
    select gen_random_uuid(), ('019a0c9e-6a10-7bb3-8f11-' || lpad((200 + n)::text, 12, '0'))::uuid,
           sha256(md5('session ' || n)::bytea), true, now(), now(), now(), now() + interval '7 days'
      from generate_series(1, 20000) n";

/// Routes that vary by nothing but an id, of which chance finds few. tests/tests/behaviour/jobs has
/// what they accept.
const BY_ID: [&str; 5] = [
    "GET /admin/jobs/{id}",
    "POST /admin/events/{id}/replay",
    "POST /admin/jobs/{id}/pause",
    "POST /admin/jobs/{id}/resume",
    "POST /admin/jobs/{id}/stop",
];

/// Routes of people that have a limit by network address, or need a link or a password that chance
/// does not find. tests/tests/behaviour/accounts has what they accept.
const OF_PEOPLE: [&str; 11] = [
    "POST /api/auth/change-password",
    "POST /api/auth/request-password-reset",
    "POST /api/auth/reset-password",
    "POST /api/auth/sign-in/email",
    "POST /api/auth/sign-up/email",
    "POST /api/auth/use-link",
    "POST /users/{userId}/disable",
    "POST /users/{userId}/enable",
    "POST /users/{userId}/reset-link",
    "POST /users/{userId}/role",
    "POST /users/{userId}/sign-out",
];

/// Pages for people, which tests/tests/behaviour/console tries. Their replies have no schema.
const PAGES: &str = "^/(console|docs)";

/// The functions over a database with keys and something to read.
pub async fn functions(database: &TestDatabase) -> Handlers {
    let client = database.client().await;
    client.batch_execute(SEED).await.unwrap();
    for (key, scope) in [(READ, Scope::Read), (INGEST, Scope::Ingest), (ADMIN, Scope::Admin)] {
        let sha256 = Sha256::digest(key).into();
        let new = NewKey { id: Uuid::now_v7(), name: key, scope, sha256, rate_per_second: None };
        assert!(api_keys::insert(&client, new, SystemClock.now()).await.unwrap());
    }
    let pool = |function| database.database_of(function, 4);
    let admission = |function| Admission::new(database.database_of(function, 2), UNLIMITED);
    let queue = MemoryQueue::default;
    let secrets = ["STRIPE_WEBHOOK_SECRET", "HUBSPOT_WEBHOOK_SECRET", "GCAL_CHANNEL_SECRET"];
    let secrets = secrets.map(|name| (name, SIGNING_SECRET)).into_iter().collect();
    let none = std::iter::empty::<(String, String)>();
    let sources = SOURCES.iter().map(|source| source.name()).collect::<Vec<_>>().join(",");
    Handlers {
        metrics: metrics::Ports {
            database: pool("metrics"),
            admission: admission("metrics"),
            config: metrics::MetricsConfig::from_env(&none.collect()).unwrap(),
            clock: SystemClock,
            started: SystemClock.now(),
        },
        ingest: ingest::Ports {
            database: pool("ingest"),
            admission: admission("ingest"),
            tickets: queue(),
            spill: queue(),
            seals: seals(),
            unproven: ingest::UnprovenShare::default(),
            config: ingest::IngestConfig { keyless: Vec::new() },
            clock: SystemClock,
        },
        admin: admin::Ports {
            database: pool("admin"),
            admission: admission("admin"),
            requests: queue(),
            secrets: Arc::new(MemorySecrets::default()),
            depths: Arc::new(MemoryQueue::default()),
            config: admin::AdminConfig::from_env(
                &[("MIN_FULL_INTERVAL_SECONDS", "0"), ("SOURCES", &sources)].into_iter().collect(),
            )
            .unwrap(),
            clock: SystemClock,
        },
        accounts: accounts::Ports {
            database: pool("accounts"),
            hashing: accounts::Hashing::at(Cost::LEAST),
            mail: None,
            settings: accounts::Settings { sign_up: accounts::SignUp::Open, public_base_url: None },
            clock: SystemClock,
        },
        console: console::Ports {
            database: pool("console"),
            requests: Arc::new(queue()),
            transactions: Arc::new(queue()),
            issuer: issuer(),
            depths: Arc::new(queue()),
            config: console::ConsoleConfig::from_env(
                &std::iter::empty::<(String, String)>().collect(),
            )
            .unwrap(),
            clock: Arc::new(SystemClock),
        },
        transact: transact::Ports {
            database: pool("transact"),
            admission: admission("transact"),
            transactions: queue(),
            spill: queue(),
            seals: seals(),
            call_back: Some(Secret::given(CALL_BACK_SECRET.to_owned())),
            party: Some(&Http),
            settings: transaction::Settings::from_env(
                &std::iter::empty::<(String, String)>().collect(),
            )
            .unwrap(),
            public_base_url: None,
            clock: SystemClock,
        },
        webhook: webhook::Ports {
            database: pool("webhook"),
            endpoints: webhook::endpoints(&secrets, &Arc::default()),
            connections: webhook::Connections::default(),
            public_base_url: Some("https://hooks.example.com".to_owned()),
            tickets: queue(),
            requests: queue(),
            spill: queue(),
            seals: seals(),
            clock: SystemClock,
        },
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn schemathesis_finds_nothing_in_thousands_of_cases() {
    schemathesis_finds_nothing(if is_thorough() { SMALL } else { QUICK }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "takes a minute: PENSTOCK_FULL=1 make test"]
async fn schemathesis_finds_nothing_in_five_thousand_cases() {
    schemathesis_finds_nothing(FULL).await;
}

async fn schemathesis_finds_nothing(size: Size) {
    let program = program("st");
    let database = TestDatabase::new().await;
    let handlers = functions(&database).await;
    let server = Server::start(Settings::default(), handlers, std::io::stderr()).unwrap();
    let folder = Scratch::new();
    let report = folder.0.join("report.json");
    let here = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract");
    let mut command = Command::new(program);
    command
        .current_dir(&folder.0)
        .arg("--config-file")
        .arg(configuration(&folder, &here, size))
        .arg("--no-color")
        .arg("run")
        .arg(format!("{}/openapi.json", server.url()))
        .args(["--exclude-path-regex", PAGES])
        .arg("--report-json-path")
        .arg(&report)
        .env("PYTHONPATH", &here)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .env("SCHEMATHESIS_HOOKS", "hooks")
        .envs([
            ("READ_KEY", READ),
            ("INGEST_KEY", INGEST),
            ("ADMIN_KEY", ADMIN),
            ("SESSION", "of-nobody"),
            ("SIGNING_SECRET", SIGNING_SECRET),
            ("CALL_BACK_SECRET", CALL_BACK_SECRET),
        ])
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let output = tokio::time::timeout(Duration::from_secs(1_800), command.output())
        .await
        .expect("it ends")
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    let report: Value = serde_json::from_str(&std::fs::read_to_string(&report).unwrap()).unwrap();
    let cases = report["test_cases"]["generated"].as_u64().unwrap_or_else(|| panic!("{report:#}"));
    assert!(cases >= size.least_cases, "{cases} cases\n{said}");
    for phase in ["examples", "coverage", "fuzzing", "stateful"] {
        assert_eq!(report["phases"][phase]["status"], "success", "{phase}\n{said}");
    }
    let rates = report["valid_rates"].as_object().unwrap();
    let document = document();
    let paths = document["paths"].as_object().unwrap().iter();
    let paths =
        paths.filter(|(path, _)| !path.starts_with("/console") && !path.starts_with("/docs"));
    let operations = paths.flat_map(|(path, methods)| {
        let methods = methods.as_object().unwrap().keys();
        methods.map(move |method| format!("{} {path}", method.to_uppercase()))
    });
    let untried: Vec<String> =
        operations.filter(|operation| !rates.contains_key(operation)).collect();
    assert!(untried.is_empty(), "{untried:?}\n{said}");
    for (operation, phases) in rates {
        let accepted =
            phases.as_object().unwrap().values().filter_map(|phase| phase["accepted"].as_u64());
        let accepted = accepted.sum::<u64>();
        let is_by_chance = [&BY_ID[..], &OF_PEOPLE].concat().contains(&operation.as_str());
        let least = if is_by_chance { 0 } else { size.least_accepted };
        assert!(accepted >= least, "{operation} took little\n{report:#}");
    }
}

/// Writes schemathesis.toml with the examples of `size`, and returns its path.
fn configuration(folder: &Scratch, here: &Path, size: Size) -> PathBuf {
    let committed = std::fs::read_to_string(here.join("schemathesis.toml")).unwrap();
    let scaled = committed.lines().map(|line| match line.split_once("max-examples = ") {
        Some((key, examples)) => {
            format!("{key}max-examples = {}\n", examples.parse::<u64>().unwrap() / size.one_in)
        }
        None => format!("{line}\n"),
    });
    let path = folder.0.join("schemathesis.toml");
    std::fs::write(&path, scaled.collect::<String>()).unwrap();
    path
}

/// A folder for what Schemathesis writes.
pub struct Scratch(pub PathBuf);

impl Scratch {
    pub fn new() -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR"))
            .join(format!("contract-{}", Uuid::now_v7().simple()));
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap_or_default();
    }
}
