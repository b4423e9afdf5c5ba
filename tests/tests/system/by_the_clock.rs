//! Tests of things that take their time by the clock: a rule that calls a function each minute, and
//! SQS' redrive after five receives. They come first by name, so that the others run meanwhile.

use jiff::SignedDuration;

use crate::deployed_app::{DeployedApp, QUICK, charges, ticket_each};

#[tokio::test]
async fn a_lost_ticket_is_sent_again_by_the_rule_that_calls_relay() {
    let app =
        DeployedApp::new("sys-rule", &[("SchedulesState", "ENABLED"), ("FetchEveryMinutes", "60")])
            .await;
    app.insert(&charges(3), SignedDuration::from_secs(-1)).await;
    app.until("three processed rows", "select count(*) = 3 from outbox where status = 'processed'")
        .await;
}

#[tokio::test]
async fn a_message_that_is_not_json_sinks_only_itself_through_the_real_redrive() {
    let app = DeployedApp::new("sys-redrive", &[QUICK]).await;
    let ids = app.insert(&charges(3), SignedDuration::from_hours(1)).await;
    let mut bodies = ticket_each(&ids);
    bodies.insert(1, "not json {".to_owned());
    app.stack.tickets().send(bodies).await.unwrap();
    app.until("three processed rows", "select count(*) = 3 from outbox where status = 'processed'")
        .await;
    let written = app.versions().await;

    app.until("the dead letter", "select exists (select from dead_letters)").await;
    let reason = "not a ticket: expected ident at line 1 column 2";
    assert_eq!(
        app.dead_letters().await,
        [("malformed_ticket".to_owned(), reason.to_owned(), b"not json {".to_vec())]
    );
    let row = app
        .sql
        .query_one("select attempts, message_id, outbox_id::text from dead_letters", &[])
        .await
        .unwrap();
    assert!(row.get::<_, i32>(0) >= 5, "received {} times only", row.get::<_, i32>(0));
    assert!(row.get::<_, Option<String>>(1).is_some(), "the letter does not name its message");
    assert_eq!(row.get::<_, Option<String>>(2), None);
    app.drain().await;
    assert_eq!(app.versions().await, written, "a neighbour was written again");
    assert_eq!(app.outbox().await.dead, 0);
}
