//! Stripe Connect: events that name an account belong to that account's connection
//! (docs.stripe.com/connect/webhooks).

use std::time::Duration;

use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_store::strange_accounts;
use penstock_tests::test_app::TestApp;
use penstock_tests::truth::stripe;

use crate::stripe_account::{NOW, account};
use crate::webhook::{charge_event, post, send, signed};

/// The account that is connected to the app's own.
const SHOP: &str = "acct_1Shop";

/// The platform's four charges of the vendors' first fault: its own, one of test mode, a connected
/// account's, and one of that account in the other mode.
fn four_charges() -> Vec<String> {
    let of = |n: u32, livemode: bool, account: Option<&str>| {
        let account = account.map(|id| format!("\"account\": \"{id}\", ")).unwrap_or_default();
        let event = charge_event(&format!("evt_{n}"), &format!("ch_{n}"), NOW);
        event.replacen('{', &format!("{{{account}\"livemode\": {livemode}, "), 1)
    };
    vec![of(1, false, None), of(2, true, None), of(3, false, Some(SHOP)), of(4, true, Some(SHOP))]
}

async fn platform(seed: u64, policy: &str) -> TestApp {
    let settings = [("STRIPE_CONNECTED_ACCOUNTS", policy)];
    let app = TestApp::with_settings(account(seed, 0), &settings).await;
    app.stripe.connect_account(SHOP, account(seed + 1, 12));
    app
}

async fn push_four(app: &TestApp) {
    for event in four_charges() {
        post(app, &event).await;
    }
    app.work_tickets().await;
}

async fn counted(app: &TestApp) -> String {
    let sql = "select coalesce(string_agg(source || ' ' || external_id, ', ' order by source, external_id), '') \
               from payments where status = 'collected' and external_id in ('ch_1', 'ch_2', 'ch_3', 'ch_4')";
    app.db.scalar(sql).await
}

/// Makes the shop's connection as an operator does.
async fn connect_shop(app: &TestApp) {
    let sql = format!(
        "insert into connections (name, source, parent, account, state, made_at, changed_at) \
         values ('shop', 'stripe', 'stripe', '{SHOP}', 'active', now(), now())"
    );
    app.db.client().await.batch_execute(&sql).await.unwrap();
}

async fn pull(app: &TestApp, connection: &str) {
    let deadline = app.relay_deadline();
    for entity in ["charge", "refund", "dispute"] {
        let request = FetchRequest::new(connection, entity, Mode::Full);
        app.fetch.serve(&request, deadline).await.unwrap();
    }
    app.drain().await;
}

fn shops_truth(app: &TestApp) -> stripe::Payments {
    stripe::payments(app.stripe.connected(SHOP, |shop| shop.truth()).unwrap())
}

#[tokio::test]
async fn trap_51_of_four_charges_one_counts_where_connected_accounts_are_ignored_and_they_are_listed()
 {
    let app = platform(1321, "ignore").await;
    push_four(&app).await;
    assert_eq!(counted(&app).await, "stripe ch_1");
    let reasons = "select string_agg(reason, ', ' order by reason) from not_ours";
    assert_eq!(app.db.scalar::<String>(reasons).await, "connected_account, live_mode, live_mode");
    let strange = strange_accounts::all(&app.db.client().await, 10).await.unwrap();
    let strange: Vec<_> =
        strange.iter().map(|a| (a.connection.as_str(), a.account.as_str(), a.events)).collect();
    assert_eq!(strange, [("stripe", SHOP, 1)]);
    assert_eq!(app.db.scalar::<i64>("select count(*) from connections").await, 0);
}

#[tokio::test]
async fn trap_51_of_four_charges_two_count_where_connected_accounts_connect_each_under_its_own_name()
 {
    let app = platform(1323, "connect").await;
    push_four(&app).await;
    let name = format!("stripe.{SHOP}");
    let made = "select name || ' ' || parent || ' ' || account from connections";
    assert_eq!(app.db.scalar::<String>(made).await, format!("{name} stripe {SHOP}"));
    // Its first run is asked for by itself, and brings what the account has: the events of before
    // came to the platform, and their objects come with the account's own lists.
    app.clock.advance(Duration::from_secs(240));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    app.drain().await;
    assert_eq!(stripe::rows_of(&app.db, &name).await, shops_truth(&app));
    assert!(!shops_truth(&app).is_empty());
    // From now on its events are its own, and test data of it is nobody's.
    for event in &four_charges()[2..] {
        post(&app, &event.replace("evt_", "evt_9")).await;
    }
    app.drain().await;
    assert_eq!(counted(&app).await, format!("stripe ch_1, {name} ch_3"));
    assert_eq!(strange_accounts::all(&app.db.client().await, 10).await.unwrap(), []);
    // A second event of it makes no second connection.
    assert_eq!(app.db.scalar::<i64>("select count(*) from connections").await, 1);
}

#[tokio::test]
async fn an_account_is_pulled_with_its_parents_key_and_its_objects_are_read_again_with_it() {
    let app = platform(1325, "ignore").await;
    connect_shop(&app).await;
    pull(&app, "shop").await;
    assert_eq!(stripe::rows_of(&app.db, "shop").await, shops_truth(&app));
    assert_eq!(stripe::rows(&app.db).await.len(), 0, "the platform's own account is empty");
    // Two versions of one second: its key can read the object, unlike that of a listed account.
    let tie = |status: &str, id: &str| {
        let event =
            charge_event(id, "ch_3", NOW).replace("\"succeeded\"", &format!("\"{status}\""));
        event.replacen('{', &format!("{{\"account\": \"{SHOP}\", \"livemode\": false, "), 1)
    };
    post(&app, &tie("succeeded", "evt_11")).await;
    post(&app, &tie("pending", "evt_12")).await;
    app.work_tickets().await;
    let asked = "select source || ' ' || external_id from refetch_requests";
    assert_eq!(app.db.scalar::<String>(asked).await, "shop ch_3");
    let of = "select count(*) from payments where account is not null";
    assert_eq!(app.db.scalar::<i64>(of).await, 0);
}

#[tokio::test]
async fn a_thin_event_of_an_account_asks_for_its_object_where_the_account_is_a_connection() {
    let app = platform(1327, "ignore").await;
    let thin = |id: &str| {
        format!(
            "{{\"id\": \"{id}\", \"object\": \"v2.core.event\", \"type\": \"v1.charge.updated\", \"livemode\": false, \
             \"created\": \"2026-06-01T00:00:00Z\", \"context\": \"{SHOP}\", \
             \"related_object\": {{\"id\": \"ch_7\", \"type\": \"charge\", \"url\": \"/v1/charges/ch_7\"}}}}"
        )
    };
    let asked = "select coalesce(string_agg(source || ' ' || external_id, ', '), 'none') from refetch_requests";
    post(&app, &thin("evt_1")).await;
    assert_eq!(app.db.scalar::<String>(asked).await, "none", "no key of ours reads it");
    connect_shop(&app).await;
    post(&app, &thin("evt_2")).await;
    assert_eq!(app.db.scalar::<String>(asked).await, "shop ch_7");
}

#[tokio::test]
async fn an_event_of_an_account_that_was_spilled_comes_to_its_connection_when_it_is_brought_in() {
    let mut app = platform(1329, "ignore").await;
    connect_shop(&app).await;
    let gone = app.nowhere();
    let there = std::mem::replace(&mut app.webhook.database, gone);
    assert_eq!(send(&app, signed(&app, &four_charges()[2])).await.0, 202);
    app.webhook.database = there;
    assert_eq!(app.bring_in(&app.spill.take()).await, 0);
    assert_eq!(app.db.scalar::<String>("select source from outbox").await, "shop");
}

#[tokio::test]
async fn an_account_that_was_removed_does_not_come_back_by_itself() {
    let app = platform(1331, "connect").await;
    connect_shop(&app).await;
    app.set_state("shop", "removed").await;
    push_four(&app).await;
    assert_eq!(counted(&app).await, "stripe ch_1");
    let states = "select string_agg(name || ' ' || state, ', ') from connections";
    assert_eq!(app.db.scalar::<String>(states).await, "shop removed");
}
