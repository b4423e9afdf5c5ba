//! A connection comes, rests, gets another key, goes and is erased, while the others are pulled,
//! pushed to and processed all the time.

use std::cell::Cell;
use std::time::Duration;

use penstock_domain::clock::Clock as _;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_store::sync_state::pending::{self, Unless};
use penstock_store::{begin, commit, connections};
use penstock_testkit::filled::{drift, rows_of};
use penstock_tests::simulators::stripe::{StripeSimulator, sign};
use penstock_tests::test_app::{TestApp, WEBHOOK_SECRET};
use penstock_tests::truth::stripe;
use serde_json::{Value, json};
use tokio::task::yield_now;

use super::SECRET_OF_EU;
use crate::stripe_account::account;
use crate::webhook::{posted, send};

/// The connection that comes and goes.
const GUEST: &str = "stripe-guest";

/// A connection with its simulated account.
struct Account<'a> {
    name: &'static str,
    secret: &'static str,
    vendor: &'a StripeSimulator,
}

/// The accounts, and whether the guest is still about.
struct World<'a> {
    app: &'a TestApp,
    accounts: [Account<'a>; 4],
    is_over: Cell<bool>,
    /// Rounds of pulls so far.
    rounds: Cell<u32>,
}

fn settings(vendor: &StripeSimulator, key: &str) -> [(&'static str, String); 4] {
    [
        ("base_url", vendor.url()),
        ("api_key", key.to_owned()),
        ("webhook_secret", SECRET_OF_EU.to_owned()),
        ("livemode", "false".to_owned()),
    ]
}

async fn connect(app: &TestApp, name: &str, vendor: &StripeSimulator) {
    let settings = settings(vendor, &vendor.key());
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    app.connect(name, "stripe", &settings).await;
}

impl World<'_> {
    fn event(&self, of: &Account<'_>, body: &str) -> Value {
        let signature = sign(&[of.secret], self.app.stripe.now(), body.as_bytes());
        let mut event = posted(body, &json!({"Stripe-Signature": signature}));
        event["rawPath"] = json!(format!("/webhooks/stripe/{}", of.name));
        event
    }

    /// Each account changes, pushes half of what has changed, and is pulled.
    async fn pull_and_push(&self) {
        while !self.is_over.get() {
            for account in &self.accounts {
                if account.name != "stripe" {
                    account.vendor.set_now(self.app.stripe.now());
                }
                for emitted in account.vendor.change(2).iter().step_by(2) {
                    let (status, reply) = send(self.app, self.event(account, &emitted.body)).await;
                    assert!(status == 200 || account.name == GUEST, "{status}: {reply}");
                }
                let request = FetchRequest::new(account.name, "event", Mode::Incremental);
                let pulled = self.app.fetch.serve(&request, self.app.relay_deadline()).await;
                assert!(pulled.is_ok() || account.name == GUEST, "{}: {pulled:?}", account.name);
                yield_now().await;
            }
            self.rounds.set(self.rounds.get() + 1);
        }
    }

    /// Works off what is in the queues. What fails comes again by `relay`.
    async fn process(&self) {
        while !self.is_over.get() {
            for bodies in self.app.tickets.take().chunks(10) {
                self.app.deliver(bodies, 1).await;
            }
            for body in self.app.requests.take() {
                let request: FetchRequest = serde_json::from_str(&body).unwrap();
                let served = self.app.fetch.serve(&request, self.app.relay_deadline()).await;
                assert!(served.is_ok() || request.source == GUEST, "{body}: {served:?}");
            }
            yield_now().await;
        }
    }

    async fn relay(&self) {
        while !self.is_over.get() {
            self.app.clock.advance(Duration::from_secs(60));
            self.app.relay.run_once(self.app.relay_deadline()).await.unwrap();
            yield_now().await;
        }
    }

    /// Compares the sums with the payments, in one snapshot each time.
    async fn compare(&self) -> u32 {
        let client = self.app.db.client().await;
        for sample in 1.. {
            assert_eq!(drift(&client).await, Vec::<String>::new());
            if self.is_over.get() {
                return sample;
            }
        }
        0
    }

    /// Waits for some more rounds of pulls.
    async fn while_pulled(&self, rounds: u32) {
        let until = self.rounds.get() + rounds;
        while self.rounds.get() < until {
            yield_now().await;
        }
    }

    async fn request_all(&self, name: &str) {
        let database = self.app.db.database_of("admin", 1);
        let connection = database.connection().await.unwrap();
        let entities = ["charge", "dispute", "refund"];
        let now = self.app.clock.now();
        pending::request(&**connection, name, &entities, Mode::Full, None, Unless::Never, now)
            .await
            .unwrap();
        for entity in entities {
            let request = FetchRequest::new(name, entity, Mode::Full);
            self.app.fetch.serve(&request, self.app.relay_deadline()).await.unwrap();
        }
    }

    async fn remove(&self, erase: bool) {
        let database = self.app.db.database_of("admin", 1);
        let mut connection = database.connection().await.unwrap();
        let tx = begin(&mut connection).await.unwrap();
        connections::remove(&tx, GUEST, erase, self.app.clock.now()).await.unwrap().unwrap();
        commit(tx).await.unwrap();
    }

    async fn payments_of_guest(&self) -> i64 {
        let sql = format!("select count(*) from payments where source = '{GUEST}'");
        self.app.db.scalar(&sql).await
    }

    async fn state_of_guest(&self) -> String {
        let sql = format!("select state from connections where name = '{GUEST}'");
        self.app.db.scalar(&sql).await
    }

    /// The life of the guest.
    async fn live(&self) {
        let guest = self.accounts[3].vendor;
        self.while_pulled(1).await;
        connect(self.app, GUEST, guest).await;
        self.request_all(GUEST).await;
        while self.payments_of_guest().await < 20 {
            self.while_pulled(1).await;
        }

        self.app.set_state(GUEST, "paused").await;
        self.while_pulled(1).await;
        self.app.set_state(GUEST, "active").await;
        // Its key lies under another name from now on, and is another one.
        guest.set_key("sk_test_second");
        let renamed = format!(
            "update connections set revision = revision + 1, key_secret = 'another/name', \
             settings = (settings::jsonb || '{{\"api_key\":\"sk_test_second\"}}')::text where name = '{GUEST}'"
        );
        self.app.db.client().await.batch_execute(&renamed).await.unwrap();
        self.request_all(GUEST).await;
        self.while_pulled(2).await;

        self.remove(false).await;
        let kept = self.payments_of_guest().await;
        assert!(kept > 20);
        self.while_pulled(2).await;
        assert!(self.payments_of_guest().await >= kept, "its rows stay");

        self.remove(true).await;
        while self.state_of_guest().await != "erased" {
            self.while_pulled(1).await;
        }
        self.is_over.set(true);
    }
}

#[tokio::test]
async fn a_connection_comes_and_goes_and_the_others_are_exact_and_the_sums_right_all_the_time() {
    let app = TestApp::over(account(1330, 60)).await;
    // The same ids in all of them.
    let vendors = [(); 3].map(|()| StripeSimulator::start(account(1330, 60)).unwrap());
    connect(&app, "stripe-eu", &vendors[0]).await;
    connect(&app, "stripe-us", &vendors[1]).await;
    let of = |name, vendor| Account { name, secret: SECRET_OF_EU, vendor };
    let accounts = [
        Account { name: "stripe", secret: WEBHOOK_SECRET, vendor: &app.stripe },
        of("stripe-eu", &vendors[0]),
        of("stripe-us", &vendors[1]),
        of(GUEST, &vendors[2]),
    ];
    let world = World { app: &app, accounts, is_over: Cell::new(false), rounds: Cell::new(0) };
    for account in &world.accounts[..3] {
        world.request_all(account.name).await;
    }
    let (.., samples) = tokio::join!(
        world.pull_and_push(),
        world.process(),
        world.relay(),
        world.live(),
        world.compare()
    );
    assert!(samples > 10, "{samples} samples");

    // What was late, and what no queue has any more.
    app.clock.advance(Duration::from_secs(400));
    for account in &world.accounts[..3] {
        if account.name != "stripe" {
            account.vendor.set_now(app.stripe.now());
        }
        let request = FetchRequest::new(account.name, "event", Mode::Incremental);
        app.fetch.serve(&request, app.relay_deadline()).await.unwrap();
    }
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    app.drain().await;
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    app.db.assert_nothing_waits().await;
    for account in &world.accounts[..3] {
        stripe::assert_true_of(&app.db, account.name, account.vendor).await;
    }
    let client = app.db.client().await;
    assert_eq!(rows_of(&client, GUEST).await, []);
    assert_eq!(drift(&client).await, Vec::<String>::new());
}
