//! One statement works off a batch with rows of several sources, in one order of locks.

use penstock_domain::clock::Clock;
use penstock_domain::config::Env;
use penstock_domain::ids::OutboxId;
use penstock_domain::record::Item;
use penstock_domain::source::Source;
use penstock_domain::source::stripe::Stripe;
use penstock_domain::ticket::Ticket;
use penstock_tests::test_app::TestApp;

use crate::stripe_account::account;

fn test_mode() -> Env {
    [("STRIPE_LIVEMODE", "false")].into_iter().collect()
}

/// Has the rows of another source read as Stripe's.
fn read_as_stripe(app: &mut TestApp) {
    app.process.reader.insert("other", Stripe.normalizer(&test_mode()).unwrap());
}

async fn put(app: &TestApp, source: &str, amount: usize) -> Vec<OutboxId> {
    let now = app.clock.now();
    let payload = |i: usize| {
        format!(
            r#"{{"id":"ch_{i}","object":"charge","amount":{},"created":1780000000,"currency":"eur","status":"succeeded"}}"#,
            amount + i
        )
    };
    let payloads: Vec<String> = (0..40).map(payload).collect();
    let items: Vec<Item<'_>> = payloads
        .iter()
        .enumerate()
        .map(|(i, payload)| {
            let (external_id, version_key) = (format!("ch_{i}"), amount.to_string());
            let (entity, payload) = ("charge".to_owned(), payload.as_bytes());
            Item { entity, external_id, version_key, version_at: now, api_version: None, payload }
        })
        .collect();
    app.put_of(source, &items).await
}

#[tokio::test]
async fn the_same_id_of_two_sources_is_two_payments_and_their_ties_are_their_own() {
    let mut app = TestApp::over(account(97, 1)).await;
    read_as_stripe(&mut app);
    let mut ids = put(&app, "stripe", 1_000).await;
    ids.extend(put(&app, "other", 5_000).await);
    // A second version of the other's, with the same stamp.
    ids.extend(put(&app, "other", 6_000).await);
    assert_eq!(app.deliver(&[Ticket::new(ids).to_body()], 1).await.failures(), 0);
    let sums = "select string_agg(source || ' ' || n || ' ' || least, ', ' order by source) from \
                (select source, count(*) n, min(amount) least from payments group by source) s";
    assert_eq!(app.db.scalar::<String>(sums).await, "other 40 6000, stripe 40 1000");
    let asked: String = app
        .db
        .scalar("select string_agg(distinct source || ' ' || entity, ', ') from refetch_requests")
        .await;
    assert_eq!(asked, "other charge");
    assert!(app.requests.take().iter().all(|body| body.contains(r#""source":"other""#)));
    let buckets = "select count(distinct source) from revenue_buckets where grain = 'day'";
    assert_eq!(app.db.scalar::<i64>(buckets).await, 2);
}

#[tokio::test]
async fn batches_of_two_sources_worked_side_by_side_never_wait_for_each_other_in_a_circle() {
    let mut app = TestApp::over(account(98, 1)).await;
    read_as_stripe(&mut app);
    app.process.refetches = None;
    app.process.database = app.db.database_of("process", 4);
    let mut batches = Vec::new();
    for round in 0..12 {
        let (mut ids, others) =
            (put(&app, "stripe", 1_000 + round).await, put(&app, "other", 1_000 + round).await);
        ids.extend(others);
        batches.push([Ticket::new(ids).to_body()]);
    }
    let work = batches.iter().map(|bodies| app.deliver(bodies, 1));
    for response in futures_util::future::join_all(work).await {
        assert_eq!(response.failures(), 0);
    }
    app.process
        .database
        .connection()
        .await
        .unwrap()
        .simple_query("select pg_stat_force_next_flush()")
        .await
        .unwrap();
    let deadlocks = "select deadlocks from pg_stat_database where datname = current_database()";
    assert_eq!(app.db.scalar::<i64>(deadlocks).await, 0);
    assert_eq!(app.db.scalar::<i64>("select count(*) from payments").await, 80);
}
