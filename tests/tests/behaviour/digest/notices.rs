//! Word of failures and recoveries: once each, however long an outage is.

use std::time::Duration;

use digest::Request;

use super::{DigestApp, at};

/// A time in whose hours no daily digest is due.
const START: &str = "2026-03-27T18:00:00Z";

fn minute(n: u32) -> jiff::Timestamp {
    at(START) + Duration::from_secs(60) * n
}

#[tokio::test]
async fn an_outage_of_a_vendor_for_half_an_hour_is_one_failure_and_one_recovery() {
    let app = DigestApp::new(at(START), &[]).await;
    assert_eq!(app.check_each_minute(at(START), 5).await, []);
    app.execute(&format!(
        "insert into circuits values ('stripe', 1, '{}', '{}', 'it is silent')",
        minute(5),
        minute(6)
    ))
    .await;
    let told = app.check_each_minute(minute(5), 30).await;
    assert_eq!(told, [(2, "prod: FAILING: stripe: the vendor does not answer".to_owned())]);
    app.execute("delete from circuits").await;
    app.clock.set(minute(35));
    app.serve(Request::Check).await;
    let [mail] = app.mail.take().try_into().unwrap();
    assert_eq!(mail.subject, "prod: recovered: stripe: the vendor does not answer");
    assert!(mail.text.contains("An issue ended after 30 min."), "{}", mail.text);
    assert_eq!(app.check_each_minute(minute(36), 30).await, []);
    assert_eq!(app.chat.take().len(), 2, "and the same over the other channel");
}

#[tokio::test]
async fn an_outage_of_the_database_for_half_an_hour_is_one_failure_and_one_recovery() {
    let mut app = DigestApp::new(at(START), &[]).await;
    assert_eq!(app.check_each_minute(at(START), 5).await, []);
    app.let_database_be(false);
    let told = app.check_each_minute(minute(5), 30).await;
    assert_eq!(told, [(1, "prod: FAILING: No check reaches the database".to_owned())]);
    app.let_database_be(true);
    // What waited meanwhile is no news of its own.
    app.execute(&pending(minute(6))).await;
    app.clock.set(minute(35));
    app.serve(Request::Check).await;
    let [mail] = app.mail.take().try_into().unwrap();
    assert_eq!(mail.subject, "prod: recovered: No check reaches the database");
    assert!(mail.text.contains("31 min"), "since the last check: {}", mail.text);
    assert_eq!(app.check_each_minute(minute(36), 5).await, []);
    app.execute("delete from outbox").await;
    assert_eq!(app.check_each_minute(minute(41), 20).await, []);
    assert_eq!(app.chat.take().len(), 2);
}

#[tokio::test]
async fn another_environment_tells_that_the_database_is_back_and_only_one_does() {
    let mut app = DigestApp::new(at(START), &[]).await;
    app.serve(Request::Check).await;
    app.let_database_be(false);
    app.check_each_minute(minute(1), 10).await;
    app.clock.set(minute(11));
    let deadline = minute(12);
    let others = [app.environment(), app.environment(), app.environment()];
    let served = others.iter().map(|ports| ports.serve(Request::Check, deadline));
    for report in futures_util::future::join_all(served).await {
        report.unwrap();
    }
    assert_eq!(app.mail.subjects(), ["prod: recovered: No check reaches the database"]);
}

#[tokio::test]
async fn one_check_that_fails_or_a_rule_that_was_off_is_no_outage() {
    let mut app = DigestApp::new(at(START), &[]).await;
    app.serve(Request::Check).await;
    app.let_database_be(false);
    assert_eq!(app.check_each_minute(minute(1), 1).await, []);
    app.let_database_be(true);
    assert_eq!(app.check_each_minute(minute(2), 1).await, []);
    app.clock.set(at("2026-04-10T18:00:00Z"));
    app.serve(Request::Check).await;
    assert_eq!(app.mail.subjects(), Vec::<String>::new());
}

/// A row that was received then, and still waits.
fn pending(received_at: jiff::Timestamp) -> String {
    format!(
        "insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, \
                             next_attempt_at, received_at) \
         values (gen_random_uuid(), 'stripe', 'event', 'a', 'a', '{received_at}', '', 'application/json', \
                 '{received_at}', '{received_at}')"
    )
}

#[tokio::test]
async fn an_outage_of_the_queue_for_half_an_hour_is_one_failure_and_one_recovery() {
    let app = DigestApp::new(at(START), &[]).await;
    app.execute(&pending(minute(0))).await;
    let told = app.check_each_minute(at(START), 30).await;
    assert_eq!(told, [(10, "prod: FAILING: Rows wait, and are not processed".to_owned())]);
    app.execute("update outbox set status = 'processed'").await;
    let told = app.check_each_minute(minute(30), 30).await;
    assert_eq!(told, [(0, "prod: recovered: Rows wait, and are not processed".to_owned())]);
}

#[tokio::test]
async fn issues_that_begin_together_are_one_message_and_an_issue_is_told_once_an_hour() {
    let app = DigestApp::new(at(START), &[]).await;
    for source in ["gcal", "hubspot", "stripe"] {
        app.execute(&format!(
            "insert into circuits values ('{source}', 1, '{0}', '{0}', '')",
            at("2026-03-27T17:00:00Z")
        ))
        .await;
    }
    let told = app.check_each_minute(at(START), 5).await;
    let wanted = "prod: FAILING: gcal: the vendor does not answer, and 2 more";
    assert_eq!(told, [(0, wanted.to_owned())]);
    // It comes and goes.
    let mut failures = 0;
    for n in 0..12 {
        app.execute("create table kept as table circuits; delete from circuits").await;
        app.check_each_minute(minute(10 + 10 * n), 5).await;
        app.execute("insert into circuits table kept; drop table kept").await;
        let told = app.check_each_minute(minute(15 + 10 * n), 5).await;
        failures += told.iter().filter(|(_, subject)| subject.contains("FAILING")).count();
    }
    assert_eq!(failures, 2, "two hours have passed");
}

#[tokio::test]
async fn dead_letters_are_told_and_the_hour_after_the_last_one_too() {
    let app = DigestApp::new(at(START), &[]).await;
    app.execute(&format!(
        "insert into dead_letters (id, source, entity, payload, error, error_kind, attempts, created_at) \
         select gen_random_uuid(), 'stripe', 'charge', ''::bytea, 'x', 'permanent', 1, '{}' from generate_series(1, 500)",
        minute(3)
    ))
    .await;
    let told = app.check_each_minute(at(START), 90).await;
    let wanted = [
        (3, "prod: FAILING: Rows of stripe become dead letters".to_owned()),
        (64, "prod: recovered: Rows of stripe become dead letters".to_owned()),
    ];
    assert_eq!(told, wanted);
}
