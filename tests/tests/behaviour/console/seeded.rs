//! A database with something on every page: runs, payments, dead rows, leads, events, transactions,
//! contacts, entries of a calendar, and what waits.

use std::time::Duration;

use penstock_domain::account::Role;
use penstock_domain::clock::Clock as _;
use penstock_edge::http::Service as _;
use penstock_store::admission::Admission;
use penstock_tests::test_app::TestApp;
use serde_json::{Value, json};
use uuid::Uuid;

use super::acting::{Person, World, get};
use super::browser::accounts;
use crate::admin::trigger::{ADMIN_KEY, admin, read, request};
use crate::ingest::post;
use crate::jobs::{Mistaken, unknown_to_it, work};
use crate::process::batches::put;
use crate::stripe_account::account;

/// A world with rows of each kind, and the same over the API.
pub struct Seeded {
    pub world: World,
    pub viewer: Person,
    pub operator: Person,
    pub admin: Person,
    pub lead: Uuid,
    pub letter: Uuid,
    pub run: Uuid,
    pub transaction: Uuid,
}

/// Every page that reads, without those of one thing.
pub const LISTS: [&str; 10] = [
    "/console",
    "/console/revenue",
    "/console/runs",
    "/console/dead-letters",
    "/console/queues",
    "/console/transactions",
    "/console/leads",
    "/console/people?user=user-1",
    "/console/contacts",
    "/console/calendar?from=2026-01-01",
];

impl Seeded {
    pub async fn new(seed: u64) -> Self {
        let mut app = TestApp::over(account(seed, 120)).await;
        app.fetch_all().await.unwrap();
        app.work_tickets().await;
        app.process.reader.insert("stripe", Mistaken::mistaken());
        let unreadable = |id: &str| (id.to_owned(), unknown_to_it(id));
        let dead: Vec<_> = (0..12).map(|n| unreadable(&format!("ch_dead_{n}"))).collect();
        let ids = put(&app, &dead).await;
        work(&app, &ids).await;
        app.let_in().await;
        let lead = br#"{"email":"ada@x.example","name":"Ada Lovelace","country":"GB"}"#;
        let lead = post(&app.ingest, "/leads", &[], lead).await.lead_id().parse().unwrap();
        for n in 0..3 {
            let event = json!({"userId": "user-1", "sessionId": "s", "type": "opened", "payload": {"n": n}});
            post(&app.ingest, "/events", &[], event.to_string().as_bytes()).await;
            app.clock.advance(Duration::from_secs(1));
        }
        app.work_tickets().await;
        // These wait.
        put(&app, &[unreadable("ch_waits")]).await;
        let transaction = Uuid::now_v7();
        let sql = format!(
            "insert into transactions (id, sender, body, body_sha256, status, deadline, received_at, updated_at) \
             values ('{transaction}', 'crm', '{{\"amount\":1.10}}', '\\x00', 'submitted', now(), now(), now()); \
             insert into transaction_changes values ('{transaction}', 1, 'submitted', 'submission', 'sent', now()); \
             insert into transaction_attempts values ('{transaction}', 1, now(), now(), 'undecided'); \
             insert into contacts (source, external_id, email, first_name, version_at, native, version_rank, content_hash, raw, \
                                   outbox_id, updated_at) \
             values ('hubspot', '1', 'ada@x.example', 'Ada', now(), true, 0, 0, '', '{transaction}', now()); \
             insert into calendar_events (source, calendar_id, external_id, status, summary, starts_at, ends_at, all_day, version_at, \
                                          native, version_rank, content_hash, raw, outbox_id, updated_at) \
             values ('gcal', 'c', 'e', 'confirmed', 'Tea', '2026-06-02T10:00Z', '2026-06-02T11:00Z', false, now(), true, 0, 0, '', \
                     '{transaction}', now());"
        );
        app.db.client().await.batch_execute(&sql).await.unwrap();
        let world = World::over(app);
        Self {
            viewer: world.person("vera", Role::Viewer).await,
            operator: world.person("otto", Role::Operator).await,
            admin: world.person("anna", Role::Admin).await,
            letter: world.app.db.scalar("select id from dead_letters order by id limit 1").await,
            run: world.app.db.scalar("select id from sync_runs order by id limit 1").await,
            world,
            lead,
            transaction,
        }
    }

    /// Every page that reads.
    pub fn pages(&self) -> Vec<String> {
        let Self { run, letter, transaction, lead, .. } = self;
        let ones = [
            format!("/console/runs/{run}"),
            format!("/console/dead-letters/{letter}"),
            format!("/console/transactions/{transaction}"),
            format!("/console/leads/{lead}"),
        ];
        LISTS.iter().map(|path| (*path).to_owned()).chain(ones).collect()
    }

    /// Opens a page as the viewer, who must be shown it. Returns its HTML.
    pub async fn page(&self, path: &str) -> String {
        self.world.page(&self.viewer, path).await
    }

    /// Asks the API as a program does that may read all; the routes of accounts, which no key
    /// opens, as an admin.
    pub async fn api(&self, path: &str) -> Value {
        let app = &self.world.app;
        if path.split('?').next() == Some("/users") {
            let asked = get(path, Some(self.admin.cookie()));
            let (status, body) = read(&accounts(app).handle(&asked, "invocation").await);
            assert_eq!(status, 200, "{path}: {body}");
            return body;
        }
        let asked = request("GET", path, &[("x-admin-api-key", ADMIN_KEY)]);
        let admin = admin(app).await;
        let reply = if path.starts_with("/admin/") {
            admin.handle(&asked, "invocation").await
        } else {
            let metrics = metrics::Ports {
                database: app.db.database_of("metrics", 1),
                admission: Admission::new(app.db.database_of("metrics", 1), 1_000),
                config: metrics::MetricsConfig::from_env(
                    &[("SOURCES", "stripe,hubspot")].into_iter().collect(),
                )
                .unwrap(),
                clock: app.clock.clone(),
                started: app.clock.now(),
            };
            metrics.handle(&asked, "invocation").await
        };
        let (status, body) = read(&reply);
        assert_eq!(status, 200, "{path}: {body}");
        body
    }
}
