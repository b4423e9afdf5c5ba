//! The newest version wins, whatever the order of arrival (traps 2, 6).

use std::time::Duration;

use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::OutboxId;
use penstock_domain::ticket::Ticket;
use penstock_tests::simulators::stripe::{AccountSpec, ApiVersion, StripeAccount};
use penstock_tests::test_app::TestApp;
use penstock_tests::thorough::part;

use crate::stripe_account::{DAY, NOW, account, assert_true};

/// The ids of what is pending, in a random order.
async fn pending_in_disorder(app: &TestApp, rng: &mut fastrand::Rng) -> Vec<OutboxId> {
    let rows = app
        .db
        .client()
        .await
        .query("select id from outbox where status = 'pending'", &[])
        .await
        .unwrap();
    let mut ids: Vec<OutboxId> = rows.iter().map(|r| OutboxId(r.get(0))).collect();
    rng.shuffle(&mut ids);
    ids
}

/// Delivers every pending row in a random order, in batches of random sizes. Some tickets come
/// twice and some not at all; `relay` sends those again.
async fn deliver_in_disorder(app: &TestApp, rng: &mut fastrand::Rng) {
    let mut ids = pending_in_disorder(app, rng).await;
    let mut sent = Vec::new();
    while !ids.is_empty() {
        let rest = ids.split_off(rng.usize(1..=ids.len().min(40)));
        let body = Ticket::new(std::mem::replace(&mut ids, rest)).to_body();
        for _ in 0..rng.usize(0..=2) {
            sent.push(body.clone());
        }
    }
    rng.shuffle(&mut sent);
    for bodies in sent.chunks(3) {
        assert_eq!(app.deliver(bodies, 1).await.failures(), 0);
    }
    app.clock.advance(Duration::from_secs(400));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    app.drain().await;
}

/// A thousand random changes in several rounds, each round's events delivered in disorder.
async fn a_thousand_changes_in_disorder(seed: u64) {
    let mut rng = fastrand::Rng::with_seed(seed);
    let app = TestApp::over(account(seed, 150)).await;
    app.fetch_all().await.unwrap();
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.requests.take();
    for _ in 0..4 {
        app.stripe.change(250);
        app.stripe.settle();
        app.clock.advance(Duration::from_secs(60));
        app.fetch("event", Mode::Incremental).await.unwrap();
        app.tickets.take();
        if rng.bool() {
            deliver_in_disorder(&app, &mut rng).await;
        }
    }
    deliver_in_disorder(&app, &mut rng).await;
    assert_true(&app).await;
}

#[tokio::test]
async fn after_a_full_run_and_a_thousand_changes_every_order_of_delivery_ends_in_the_truth() {
    for seed in 100..100 + part(6) {
        a_thousand_changes_in_disorder(seed).await;
    }
}

#[tokio::test]
async fn trap_02_an_older_version_that_comes_late_does_not_undo_a_newer_one() {
    let app = TestApp::over(account(30, 60)).await;
    app.fetch_all().await.unwrap();
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.requests.take();
    app.stripe.change(200);
    app.stripe.settle();
    app.clock.advance(Duration::from_secs(60));
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.tickets.take();
    // Strictly newest first, one row a batch.
    let newest_first =
        "select id from outbox where status = 'pending' order by version_at desc, id desc";
    for row in app.db.client().await.query(newest_first, &[]).await.unwrap() {
        app.deliver(&[Ticket::new(vec![OutboxId(row.get(0))]).to_body()], 1).await;
    }
    app.drain().await;
    assert_true(&app).await;
}

#[tokio::test]
async fn trap_06_events_keep_their_own_api_version_and_both_shapes_are_read() {
    let upgraded_at = Some(NOW - 10 * DAY);
    let spec =
        AccountSpec { upgraded_at, ..AccountSpec::between(31, 400, NOW - 25 * DAY, NOW).at(NOW) };
    let app = TestApp::over(StripeAccount::new(spec)).await;
    // Events alone, without a list: the watermark is 24 days old.
    let client = app.db.client().await;
    let cursor = "insert into sync_state (source, entity, mode, watermark, lease_until, updated_at) \
                  values ('stripe', 'event', 'incremental', to_timestamp($1::bigint), '-infinity', now())";
    client.execute(cursor, &[&(NOW - 25 * DAY + 400)]).await.unwrap();
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;

    let versions: Vec<String> = client
        .query("select distinct api_version from outbox order by 1", &[])
        .await
        .unwrap()
        .iter()
        .map(|r| r.get(0))
        .collect();
    let (old, new) = (ApiVersion::V2020_08_27.word(), ApiVersion::Endive.word());
    assert_eq!(versions, [old, new]);
    let embedded: i64 = app
        .db
        .scalar(&format!(
            "select count(*) from outbox where api_version = '{old}' and entity = 'charge' \
             and position('\"refunds\": {{' in convert_from(payload, 'UTF8')) > 0"
        ))
        .await;
    assert!(embedded > 0, "the old shape shows refunds inside charges");
    assert_eq!(app.db.scalar::<i64>("select count(*) from dead_letters").await, 0);
    assert_true(&app).await;
}
