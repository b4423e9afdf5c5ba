//! A bad row or message fails alone.

use jiff::SignedDuration;

use crate::deployed_app::{DeployedApp, charge, charges, ticket_each, tickets};

/// No first ticket counts as lost while a test runs.
const HOUR: SignedDuration = SignedDuration::from_hours(1);

#[tokio::test]
async fn a_poison_row_among_a_thousand_dies_alone_with_its_reason() {
    let app = DeployedApp::new("sys-poison", &[]).await;
    let mut payloads = charges(1_000);
    payloads[617] = charge(617, "dollars");
    let ids = app.insert(&payloads, HOUR).await;
    app.stack.tickets().send(tickets(&ids)).await.unwrap();
    app.drain().await;

    let outbox = app.outbox().await;
    assert_eq!((outbox.processed, outbox.dead, outbox.waiting), (999, 1, 0));
    let reason = r#"charge ch_617: currency: a currency is three letters, this is "dollars""#;
    assert_eq!(
        app.dead_letters().await,
        [("invalid".to_owned(), reason.to_owned(), payloads[617].clone().into_bytes())]
    );
    let unreadable = "select count(*) from payments where status = 'unreadable'";
    let unreadable: i64 = app.sql.query_one(unreadable, &[]).await.unwrap().get(0);
    assert_eq!((app.versions().await.len(), unreadable), (1_000, 1));
    // At once: no row was tried a second time, and no message went to the dead-letter queue.
    let tried: i64 =
        app.sql.query_one("select sum(attempts) from outbox", &[]).await.unwrap().get(0);
    assert_eq!(tried, 0);
    assert!(app.stack.tickets_dlq().depth().await.unwrap().is_empty());
}

#[tokio::test]
async fn trap_20_bodies_of_every_kind_do_not_fail_the_batch_they_come_in() {
    let app = DeployedApp::new("sys-trap-20", &[]).await;
    let ids = app.insert(&charges(4), HOUR).await;
    let mut bodies = ticket_each(&ids);
    for (at, bad) in
        ["{", "null", "[]", r#"{"v":9,"ids":[]}"#, r#"{"v":1,"ids":["x"]}"#, "\u{1F4B8}"]
            .iter()
            .enumerate()
    {
        bodies.insert(at * 2 % bodies.len(), (*bad).to_owned());
    }
    app.stack.tickets().send(bodies).await.unwrap();
    // The visibility is 360 s: if the batch had failed, its rows would wait far longer than this
    // test.
    app.until("four processed rows", "select count(*) = 4 from outbox where status = 'processed'")
        .await;
    assert!(app.dead_letters().await.is_empty(), "too early for a verdict on the others");
}

#[tokio::test]
async fn trap_21_a_row_that_cannot_be_had_neither_loses_nor_repeats_its_neighbours() {
    // Five receives outlast the time for which the row is held.
    let visibility = ("TicketsVisibilitySeconds", "20");
    let app = DeployedApp::new("sys-trap-21", &[visibility]).await;
    let ids = app.insert(&charges(6), HOUR).await;
    // Another transaction holds one row: its message fails and comes again, alone.
    let mut other = app.database.client().await;
    let held = other.transaction().await.unwrap();
    held.execute("select from outbox where id = $1 for update", &[&ids[2].0]).await.unwrap();
    app.stack.tickets().send(ticket_each(&ids)).await.unwrap();
    app.until("five processed rows", "select count(*) = 5 from outbox where status = 'processed'")
        .await;
    let neighbours = app.versions().await;
    held.rollback().await.unwrap();

    app.until("the sixth", "select count(*) = 6 from outbox where status = 'processed'").await;
    app.drain().await;
    let after = app.versions().await;
    assert_eq!(after.len(), 6);
    assert!(neighbours.iter().all(|row| after.contains(row)), "{neighbours:?} became {after:?}");
    let revenue: i64 = app
        .sql
        .query_one("select sum(amount)::bigint from revenue_buckets where grain = 'day'", &[])
        .await
        .unwrap()
        .get(0);
    assert_eq!(revenue, 6_000);
    assert!(app.dead_letters().await.is_empty());
}
