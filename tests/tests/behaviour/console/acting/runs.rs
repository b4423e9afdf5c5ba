//! Runs that are asked for, connections that are paused, and transactions that go on, from the
//! console.

use std::time::Duration;

use penstock_domain::account::Role;
use penstock_tests::test_app::TestApp;
use uuid::Uuid;

use super::{World, environment};
use crate::admin::trigger::{admin, run};
use crate::stripe_account::{account, assert_true};

const KEY: &str = "019a0000-0000-7000-8000-000000000001";

fn form<'a>(connection: &'a str, mode: &'a str, key: &'a str) -> [(&'static str, &'a str); 4] {
    [("connection", connection), ("mode", mode), ("key", key), ("why", "the numbers look odd")]
}

#[tokio::test]
async fn a_run_that_a_person_starts_is_found_from_then_on_and_brings_the_vendors_truth() {
    let world = World::over(TestApp::over(account(6_130, 200)).await);
    // Its key reads what the API says of runs.
    admin(&world.app).await;
    let operator = world.person("operator", Role::Operator).await;
    let asking = world.page(&operator, "/console/runs/start?connection=stripe&mode=full").await;
    assert!(asking.contains("<option value=\"stripe\" selected>stripe</option>"), "{asking}");
    assert!(asking.contains("value=\"full\" checked") && asking.contains("refund"), "{asking}");
    assert_eq!(asking.matches("name=\"key\"").count(), 1);
    let led = world.led(&operator, "/console/runs/start", &form("stripe", "full", KEY)).await;
    let id = led.strip_prefix("/console/runs/").unwrap().to_owned();
    assert_eq!(run(&world.app, &id).await["status"], "accepted");
    assert_eq!(world.app.requests.delays().len(), 3, "charge, refund and dispute are asked for");
    // The same form sent twice is one run; another one under its key is refused.
    let again = world.led(&operator, "/console/runs/start", &form("stripe", "full", KEY)).await;
    assert_eq!(again, led);
    let other = form("stripe", "incremental", KEY);
    assert_eq!(world.post(&operator, "/console/runs/start", &other).await.status_code, 422);
    world.app.drain().await;
    assert_true(&world.app).await;
    assert_eq!(run(&world.app, &id).await["status"], "succeeded");
    let page = world.page(&operator, &led).await;
    let why = "by operator@penstock.example in the console";
    assert!(page.contains(why), "{page}");
    let trail = "select string_agg(format('%s %s %s %s', action, object, why, detail::json->>'mode'), '|') from audit_log";
    let expected = "run.requested stripe the numbers look odd full";
    assert_eq!(world.app.db.scalar::<String>(trail).await, expected);
}

#[tokio::test]
async fn full_runs_are_an_hour_apart_and_the_page_says_when_the_next_one_may_be() {
    let world = World::over(TestApp::over(account(6_131, 5)).await);
    let operator = world.person("operator", Role::Operator).await;
    world.led(&operator, "/console/runs/start", &form("stripe", "full", KEY)).await;
    let key = Uuid::now_v7().to_string();
    let soon = world.post(&operator, "/console/runs/start", &form("stripe", "full", &key)).await;
    assert_eq!(soon.status_code, 429);
    assert!(soon.text().contains("at least 1 h 0 min apart"), "{}", soon.text());
    assert_eq!(soon.headers["retry-after"], "3601");
    world.app.clock.advance(Duration::from_secs(3_601));
    world.led(&operator, "/console/runs/start", &form("stripe", "full", &key)).await;
    assert_eq!(world.app.db.scalar::<i64>("select count(*) from run_requests").await, 2);
    for (form, field) in [
        (form("gcal", "full", KEY), "#/connection"),
        (form("stripe", "reconcile", KEY), "#/mode"),
        (form("stripe", "full", "mine"), "#/key"),
    ] {
        let refused = world.post(&operator, "/console/runs/start", &form).await;
        assert_eq!(refused.status_code, 400, "{form:?}");
        assert!(refused.text().contains(&format!("<code>{field}</code>")), "{}", refused.text());
    }
}

#[tokio::test]
async fn two_environments_that_get_the_same_form_at_once_start_one_run() {
    let world = World::over(TestApp::over(account(6_132, 5)).await);
    let operator = world.person("operator", Role::Operator).await;
    let other = World {
        console: environment(&world.app, &world.transactions),
        app: TestApp::over(account(6_133, 1)).await,
        transactions: world.transactions.clone(),
    };
    let form = form("stripe", "full", KEY);
    let (one, two) = tokio::join!(
        world.led(&operator, "/console/runs/start", &form),
        other.led(&operator, "/console/runs/start", &form),
    );
    assert_eq!(one, two);
    let requested = "select count(*) from audit_log where action = 'run.requested'";
    assert_eq!(world.app.db.scalar::<i64>(requested).await, 1);
}

#[tokio::test]
async fn a_connection_is_paused_and_resumed_and_what_it_missed_is_asked_for() {
    let world = World::over(TestApp::over(account(6_134, 5)).await);
    let operator = world.person("operator", Role::Operator).await;
    let list = world.page(&operator, "/console/connections").await;
    assert!(list.contains("/console/connections/stripe/pause") && list.contains("the template"));
    let asking = world.page(&operator, "/console/connections/stripe/pause").await;
    assert!(asking.contains("Its pulls stop until somebody resumes it"), "{asking}");
    let form = [("why", "the key is rotated")];
    let pause = "/console/connections/stripe/pause";
    assert_eq!(world.led(&operator, pause, &form).await, "/console/connections");
    let state = "select state from connections where name = 'stripe'";
    assert_eq!(world.app.db.scalar::<String>(state).await, "paused");
    assert_eq!(world.led(&operator, pause, &form).await, "/console/connections", "once more");
    let asking = world.page(&operator, "/console/runs/start").await;
    assert!(!asking.contains("value=\"stripe\""), "a paused one is not pulled: {asking}");
    assert!(world.app.requests.take().is_empty());
    world.led(&operator, "/console/connections/stripe/resume", &[]).await;
    assert_eq!(world.app.db.scalar::<String>(state).await, "active");
    let sent = world.app.requests.take();
    assert!(sent.iter().any(|body| body.contains("\"incremental\"")), "{sent:?}");
    let trail = "select string_agg(format('%s %s %s', action, object, why), '|' order by seq) from audit_log";
    assert_eq!(
        world.app.db.scalar::<String>(trail).await,
        "connection.paused stripe the key is rotated|connection.resumed stripe "
    );
    let gone = "insert into connections (name, source, state, made_at, changed_at) values ('stripe-old', 'stripe', 'removed', now(), now())";
    world.app.db.client().await.batch_execute(gone).await.unwrap();
    for (name, status) in [("gcal", 404), ("nothing", 404), ("stripe-old", 409)] {
        let path = format!("/console/connections/{name}/resume");
        assert_eq!(world.post(&operator, &path, &[]).await.status_code, status, "{name}");
    }
}

#[tokio::test]
async fn a_transaction_goes_on_and_its_client_is_told_again() {
    let world = World::with_dead(6_135, 3).await;
    let admin = world.person("admin", Role::Admin).await;
    let things = world.things(&admin).await;
    let path = format!("/console/transactions/{}", things.transaction);
    let asking = world.page(&admin, &format!("{path}/notify")).await;
    assert!(asking.contains("1 message to its client was given up"), "{asking}");
    assert_eq!(world.led(&admin, &format!("{path}/notify"), &[]).await, path);
    assert_eq!(world.transactions.take().len(), 1);
    let again = world.post(&admin, &format!("{path}/notify"), &[]).await;
    assert_eq!(again.status_code, 409, "none is dead any more");

    let asking = world.page(&admin, &format!("{path}/resume")).await;
    assert!(asking.contains("<dd>failed</dd>") && asking.contains("given up"), "{asking}");
    let form = [("why", "the third party is back")];
    assert_eq!(world.led(&admin, &format!("{path}/resume"), &form).await, path);
    let sent = world.transactions.take();
    assert!(sent.iter().any(|body| body.contains(&things.transaction.to_string())), "{sent:?}");
    let status =
        "select format('%s %s %s', status, reason, next_action_at is not null) from transactions";
    assert_eq!(world.app.db.scalar::<String>(status).await, "pending the third party is back t");
    let cause = "select format('%s %s', cause, reason) from transaction_changes";
    assert_eq!(world.app.db.scalar::<String>(cause).await, "operator the third party is back");
    let decided = "update transactions set status = 'completed', failure = null, next_action_at = null, message_due_at = null";
    world.app.db.client().await.batch_execute(decided).await.unwrap();
    let late = world.post(&admin, &format!("{path}/resume"), &form).await;
    assert_eq!(late.status_code, 409);
    assert!(late.text().contains("The transaction is completed, and stays so."), "{}", late.text());
    let unknown = format!("/console/transactions/{}/resume", Uuid::now_v7());
    assert_eq!(world.post(&admin, &unknown, &[]).await.status_code, 404);
}
