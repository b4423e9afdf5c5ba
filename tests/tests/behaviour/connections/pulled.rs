use fetch::Outcome;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_store::sync_state::pauses;
use penstock_tests::test_app::TestApp;
use penstock_tests::truth::stripe;

use super::connect_eu;
use crate::stripe_account::account;

async fn pull(app: &TestApp, connection: &str, entity: &str, mode: Mode) -> Outcome {
    let request = FetchRequest::new(connection, entity, mode);
    app.fetch.serve(&request, app.relay_deadline()).await.unwrap()
}

async fn pull_all(app: &TestApp, connection: &str) {
    for entity in ["charge", "refund", "dispute"] {
        pull(app, connection, entity, Mode::Full).await;
    }
    app.drain().await;
}

#[tokio::test]
async fn two_accounts_with_the_same_ids_are_pulled_side_by_side_and_each_comes_to_its_own_truth() {
    let app = TestApp::over(account(1301, 60)).await;
    let eu = connect_eu(&app, 1301, 60).await;
    for connection in ["stripe", "stripe-eu"] {
        pull_all(&app, connection).await;
    }
    // The same objects, and from now on they differ.
    app.stripe.change(20);
    app.clock.advance(std::time::Duration::from_secs(60));
    for connection in ["stripe", "stripe-eu"] {
        pull(&app, connection, "event", Mode::Incremental).await;
    }
    app.drain().await;
    app.db.assert_nothing_waits().await;
    stripe::assert_true_of(&app.db, "stripe", &app.stripe).await;
    stripe::assert_true_of(&app.db, "stripe-eu", &eu).await;
    assert_ne!(
        stripe::books_of(&app.db, "stripe").await,
        stripe::books_of(&app.db, "stripe-eu").await
    );
}

#[tokio::test]
async fn a_key_that_is_refused_pauses_the_pulls_of_its_own_connection_only() {
    let app = TestApp::over(account(1302, 5)).await;
    let eu = connect_eu(&app, 1303, 5).await;
    eu.set_key("sk_test_another");
    let request = FetchRequest::new("stripe-eu", "charge", Mode::Full);
    assert!(app.fetch.serve(&request, app.relay_deadline()).await.is_err());
    pull_all(&app, "stripe").await;
    stripe::assert_true_of(&app.db, "stripe", &app.stripe).await;
    let paused = pauses::all(&app.db.client().await).await.unwrap();
    let paused: Vec<_> = paused.iter().map(|(_, pause)| pause.source.as_str()).collect();
    assert_eq!(paused, ["stripe-eu"]);
}

#[tokio::test]
async fn nothing_is_asked_of_a_connection_that_is_paused_or_removed() {
    let app = TestApp::over(account(1304, 5)).await;
    let eu = connect_eu(&app, 1304, 5).await;
    for state in ["paused", "removed", "erasing", "erased"] {
        app.set_state("stripe-eu", state).await;
        assert_eq!(pull(&app, "stripe-eu", "charge", Mode::Full).await, Outcome::AtRest { state });
    }
    assert_eq!(eu.requests().len(), 0);
    app.set_state("stripe-eu", "active").await;
    pull_all(&app, "stripe-eu").await;
    stripe::assert_true_of(&app.db, "stripe-eu", &eu).await;
}

#[tokio::test]
async fn a_first_connection_that_the_template_declares_can_be_paused_too() {
    let app = TestApp::over(account(1305, 5)).await;
    let sql = "insert into connections (name, source, state, made_at, changed_at) \
               values ('stripe', 'stripe', 'paused', now(), now())";
    app.db.client().await.batch_execute(sql).await.unwrap();
    let paused = pull(&app, "stripe", "charge", Mode::Full).await;
    assert_eq!(paused, Outcome::AtRest { state: "paused" });
    app.set_state("stripe", "active").await;
    pull_all(&app, "stripe").await;
    stripe::assert_true_of(&app.db, "stripe", &app.stripe).await;
}

#[tokio::test]
async fn rows_whose_connection_has_settings_that_cannot_be_used_wait_until_they_are_mended() {
    let app = TestApp::over(account(1306, 5)).await;
    let eu = connect_eu(&app, 1306, 5).await;
    for entity in ["charge", "refund", "dispute"] {
        pull(&app, "stripe-eu", entity, Mode::Full).await;
    }
    let settings = |livemode: &str| {
        format!(
            "update connections set revision = revision + 1, settings = \
             (settings::jsonb || '{{\"livemode\":\"{livemode}\"}}')::text"
        )
    };
    app.db.client().await.batch_execute(&settings("maybe")).await.unwrap();
    app.work_tickets().await;
    let waiting = "select count(*) from outbox where status = 'pending' and error_kind = 'waiting'";
    assert!(app.db.scalar::<i64>(waiting).await > 0);
    assert_eq!(app.db.scalar::<i64>("select count(*) from dead_letters").await, 0);
    app.db.client().await.batch_execute(&settings("false")).await.unwrap();
    app.clock.advance(std::time::Duration::from_secs(3_700));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    app.drain().await;
    stripe::assert_true_of(&app.db, "stripe-eu", &eu).await;
}

#[tokio::test]
async fn a_connection_of_a_source_that_this_release_does_not_know_waits_and_says_so() {
    let app = TestApp::over(account(1307, 1)).await;
    app.connect("books", "ledger", &[]).await;
    let request = FetchRequest::new("books", "entry", Mode::Full).resuming();
    let error = app.fetch.serve(&request, app.relay_deadline()).await.unwrap_err();
    assert_eq!(error.to_string(), "an unknown source has no unknown entity to fetch in mode full");
}
