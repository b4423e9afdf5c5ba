//! A stack for one test.

use std::ops::ControlFlow;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_domain::ids::OutboxId;
use penstock_domain::record::{Item, JSON};
use penstock_edge::config;
use penstock_store::outbox::{self, Arrival};
use penstock_store::{begin, commit};
use penstock_testkit::TestDatabase;
use penstock_tests::simulators::stripe::StripeSimulator;
use penstock_tests::stack::{
    Backlog, LocalStack, Outbox, Parties, Secrets, Stack, StackSpec, eventually,
};
use penstock_tests::vendors::Vendors;
use tokio_postgres::Client;

/// Longer than any step here takes on a busy machine, and shorter than the default visibility of a
/// ticket (360 s). Work that is done within it was done without a redelivery.
pub const SOON: Duration = Duration::from_secs(300);

/// A visibility of tickets that is short, so that five receives take half a minute; long enough for
/// a cold start on a busy machine.
pub const QUICK: (&str, &str) = ("TicketsVisibilitySeconds", "6");

/// The stack that is deployed as it would be in AWS. The others leave out what `LocalStack` does
/// nothing with.
const WHOLE: &str = "sys-console";

/// A deployed stack with a database of its own.
pub struct DeployedApp {
    pub stack: Stack,
    pub sql: Client,
    pub database: TestDatabase,
}

impl DeployedApp {
    /// Deploys a stack over a migrated database. Schedules are off, so that only the test causes
    /// work.
    pub async fn new(name: &str, parameters: &[(&'static str, &str)]) -> Self {
        let database = TestDatabase::new().await;
        let app = Self::deploy(name, database, Secrets::default(), own(parameters)).await;
        // It makes the functions' own roles.
        app.stack.migrate().await.unwrap_or_else(|e| panic!("{e}\n{}", app.stack.last_words(20)));
        app
    }

    /// Deploys a stack over an empty database, with a simulated account as the vendor.
    pub async fn before(name: &str, stripe: &StripeSimulator) -> Self {
        let secrets = Secrets { stripe_key: Some(stripe.key()), ..Secrets::default() };
        let parameters =
            vec![("StripeBaseUrl", stripe.url()), ("StripeRatePerSecond", "100".to_owned())];
        Self::deploy(name, TestDatabase::empty().await, secrets, parameters).await
    }

    /// Deploys a stack over an empty database, with the vendors whose keys it has.
    pub async fn before_vendors(name: &str, vendors: &Vendors, secrets: Secrets) -> Self {
        Self::deploy(name, TestDatabase::empty().await, secrets, vendors.parameters()).await
    }

    /// Deploys a stack over a migrated database, with a third party that decides transactions and
    /// a client that is told.
    pub async fn with_parties(name: &str, parties: &Parties) -> Self {
        let (secrets, parameters) = (parties.secrets(Secrets::default()), parties.parameters());
        let app = Self::deploy(name, TestDatabase::new().await, secrets, parameters).await;
        app.stack.migrate().await.unwrap_or_else(|e| panic!("{e}\n{}", app.stack.last_words(20)));
        app
    }

    async fn deploy(
        name: &str,
        database: TestDatabase,
        secrets: Secrets,
        mut parameters: Vec<(&'static str, String)>,
    ) -> Self {
        let local = LocalStack::from_env(&config::from_process()).unwrap_or_else(|e| panic!("{e}"));
        // First: a test may want them. Rows may come before a run has read the mode off the key.
        parameters.insert(0, ("SchedulesState", "DISABLED".to_owned()));
        parameters.insert(0, ("StripeLivemode", "false".to_owned()));
        let spec = StackSpec {
            name,
            database_url: &database.url(),
            secrets,
            in_place: true,
            lean: name != WHOLE,
            parameters,
        };
        let stack = Stack::deploy(&local, &spec).await.unwrap_or_else(|e| panic!("{e}"));
        Self { sql: database.client().await, stack, database }
    }

    /// Commits rows as `fetch` does, and sends no ticket. Their first ticket is overdue after
    /// `grace`.
    pub async fn insert(&self, payloads: &[String], grace: SignedDuration) -> Vec<OutboxId> {
        let now = SystemClock.now();
        let items: Vec<Item<'_>> =
            payloads.iter().enumerate().map(|(i, payload)| charge_item(i, payload, now)).collect();
        let arrival = Arrival {
            source: "stripe",
            media: JSON,
            received_at: now,
            ticket_due_at: now + grace,
            ..Arrival::default()
        };
        let database = self.database.database(1);
        let mut connection = database.connection().await.unwrap();
        let tx = begin(&mut connection).await.unwrap();
        let ids = outbox::insert(&tx, arrival, &items).await.unwrap();
        commit(tx).await.unwrap();
        assert_eq!(ids.len(), payloads.len());
        ids
    }

    /// Waits until no work is left.
    pub async fn drain(&self) {
        if let Err(e) = Backlog::drain(&self.stack, &self.sql, SOON).await {
            panic!("{e}\n{}", self.stack.last_words(20));
        }
    }

    /// Waits until `probe`, a query of one boolean, is true.
    pub async fn until(&self, what: &str, probe: &str) {
        let found = eventually(what, SOON, async || {
            let is_true: bool = self.sql.query_one(probe, &[]).await?.try_get(0)?;
            Ok(if is_true {
                ControlFlow::Break(())
            } else {
                ControlFlow::Continue(Outbox::count(&self.sql).await?)
            })
        });
        if let Err(e) = found.await {
            panic!("{e}\n{}", self.stack.last_words(20));
        }
    }

    /// Counts the rows of the outbox.
    pub async fn outbox(&self) -> Outbox {
        Outbox::count(&self.sql).await.unwrap()
    }

    /// Kind, reason and body of each dead letter.
    pub async fn dead_letters(&self) -> Vec<(String, String, Vec<u8>)> {
        let sql = "select error_kind, error, payload from dead_letters order by created_at, id";
        let rows = self.sql.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1), row.get(2))).collect()
    }

    /// Returns the physical version of each payment in Postgres: a row that was written again has
    /// another.
    pub async fn versions(&self) -> Vec<(String, String)> {
        let sql =
            "select external_id, format('%s %s', xmin, ctid) from payments order by external_id";
        let rows = self.sql.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| (row.get(0), row.get(1))).collect()
    }
}

fn own(parameters: &[(&'static str, &str)]) -> Vec<(&'static str, String)> {
    parameters.iter().map(|(name, value)| (*name, (*value).to_owned())).collect()
}

fn charge_item(index: usize, payload: &str, now: Timestamp) -> Item<'_> {
    Item {
        entity: "charge".to_owned(),
        external_id: format!("ch_{index}"),
        version_key: "run:test".to_owned(),
        version_at: now,
        api_version: None,
        payload: payload.as_bytes(),
    }
}

/// Returns a charge as Stripe lists it, with the fields that count.
pub fn charge(index: usize, currency: &str) -> String {
    format!(
        r#"{{"id":"ch_{index}","object":"charge","amount":1000,"amount_captured":1000,"captured":true,"created":1790000000,"currency":"{currency}","status":"succeeded"}}"#
    )
}

/// Returns this number of good charges, numbered from 0.
pub fn charges(count: usize) -> Vec<String> {
    (0..count).map(|index| charge(index, "usd")).collect()
}

/// Returns the bodies of the tickets for rows, as `fetch` and `relay` send them.
pub fn tickets(ids: &[OutboxId]) -> Vec<String> {
    penstock_domain::ticket::Ticket::split(ids).map(|ticket| ticket.to_body()).collect()
}

/// Returns a ticket for each row alone.
pub fn ticket_each(ids: &[OutboxId]) -> Vec<String> {
    ids.iter().flat_map(|id| tickets(std::slice::from_ref(id))).collect()
}
