//! Rules: what is due of every connection becomes a message each.

use std::time::Duration;

use penstock_domain::clock::Clock;
use penstock_domain::due::Due;
use penstock_domain::fetch_request::FetchRequest;
use penstock_tests::test_app::TestApp;
use serde_json::json;

use crate::stripe_account::account;

/// Makes a connection that is nothing but a row.
async fn connect(app: &TestApp, name: &str, source: &str, state: &str) {
    let secret = if name == source { "null" } else { "'a secret'" };
    let sql = format!(
        "insert into connections (name, source, settings, key_secret, signing_secret, state, made_at, changed_at) \
         values ('{name}', '{source}', '{{\"calendar_id\":\"team\"}}', {secret}, {secret}, '{state}', now(), now())"
    );
    app.db.client().await.batch_execute(&sql).await.unwrap();
}

/// Takes the requests out of the queue, as `connection entity`.
fn asked(app: &TestApp) -> Vec<String> {
    let requests = app.requests.take();
    let requests = requests.iter().map(|body| serde_json::from_str::<FetchRequest>(body).unwrap());
    requests.map(|request| format!("{} {}", request.source, request.entity)).collect()
}

#[tokio::test]
async fn a_rule_asks_for_each_entity_of_each_connection_that_is_active_and_they_take_turns() {
    let pushed_to = [("GCAL_WEBHOOK_URL", "https://hooks.example.com/webhooks/gcal")];
    let app = TestApp::with_settings(account(1_301, 3), &pushed_to).await;
    for (name, source, state) in [
        ("portal", "hubspot", "active"),
        ("stripe-eu", "stripe", "active"),
        ("stripe-us", "stripe", "paused"),
        ("team", "gcal", "active"),
        ("was", "gcal", "removed"),
    ] {
        connect(&app, name, source, state).await;
    }
    let reply = app.due(Due::Incremental).await;
    assert_eq!(reply, json!({"outcome": "asked_for", "requests": 5}));
    let wanted = ["stripe event", "portal contact", "stripe-eu event", "team event", "portal deal"];
    assert_eq!(asked(&app), wanted);
    app.due(Due::Full).await;
    assert_eq!(asked(&app), ["portal contact", "team event", "portal deal"]);
    app.due(Due::Reconcile).await;
    let wanted = ["charge", "refund", "dispute"];
    let wanted = wanted.map(|entity| [format!("stripe {entity}"), format!("stripe-eu {entity}")]);
    assert_eq!(asked(&app), wanted.concat());
    app.due(Due::Watch).await;
    assert_eq!(asked(&app), ["team event"]);

    connect(&app, "stripe", "stripe", "paused").await;
    app.due(Due::Incremental).await;
    let paused = asked(&app).iter().all(|request| request != "stripe event");
    assert!(paused, "the template's own connection is paused by its row");
}

#[tokio::test]
async fn a_rule_that_comes_twice_or_whose_messages_are_lost_reads_each_whole_list_once() {
    let app = TestApp::over(account(1_302, 3)).await;
    app.requests.refuse(true);
    let deadline = app.clock.now() + Duration::from_secs(300);
    let event = json!({"due": "reconcile"});
    app.fetch.handle(event.clone(), deadline).await.expect_err("so Lambda calls again");
    app.requests.refuse(false);
    app.fetch.handle(event, deadline).await.unwrap();
    let lost = app.requests.take();
    assert_eq!(lost.len(), 3);
    app.clock.advance(Duration::from_secs(240));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    let found = app.requests.take();
    assert_eq!(found.len(), 3, "relay asks for what was lost");
    for body in lost.iter().chain(&found).chain(&lost) {
        let request: FetchRequest = serde_json::from_str(body).unwrap();
        let deadline = app.clock.now() + Duration::from_secs(300) + fetch::MARGIN;
        app.fetch.serve(&request, deadline).await.unwrap();
        app.drain().await;
    }
    let sql = "select string_agg(entity, ', ' order by entity) from sync_runs";
    let runs: String = app.db.scalar(sql).await;
    assert_eq!(runs, "charge, dispute, refund");
}

#[tokio::test]
async fn an_increment_that_a_rule_asks_for_writes_nothing_until_it_is_pulled() {
    let app = TestApp::over(account(1_303, 3)).await;
    app.due(Due::Incremental).await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from sync_state").await, 0);
    let requests = app.requests.take();
    let request: FetchRequest = serde_json::from_str(&requests[0]).unwrap();
    assert!(!request.resume, "it begins a run by itself");
}

#[tokio::test]
async fn an_event_that_no_rule_sends_says_what_is_wrong_and_asks_for_nothing() {
    let app = TestApp::over(account(1_304, 3)).await;
    let deadline = app.clock.now() + Duration::from_secs(300);
    for event in [json!({"due": "object"}), json!({"due": "full", "source": "stripe"})] {
        let error = app.fetch.handle(event, deadline).await.unwrap_err().to_string();
        assert!(error.starts_with("not a fetch request"), "{error}");
    }
    assert_eq!(app.requests.take(), Vec::<String>::new());
}
