//! A table that is locked for long: by a migration by hand, or a `VACUUM FULL`.

use std::time::Duration;

use penstock_domain::clock::Clock as _;
use penstock_store::api_keys::Scope;
use penstock_tests::test_app::{TestApp, admission, batch};
use serde_json::json;
use tokio_postgres::Client;

use crate::ingest;
use crate::metrics::{READ_KEY, add_key, config, get, ports};
use crate::stripe_account::{NOW, account};
use crate::webhook::{charge_event, send, signed};

/// Locks every table of the database until the client commits.
async fn lock_everything(app: &TestApp) -> Client {
    let client = app.db.client().await;
    let tables = "select string_agg(quote_ident(tablename), ', ') from pg_tables where schemaname = 'public'";
    let tables: String = app.db.scalar(tables).await;
    client
        .batch_execute(&format!("begin; lock table {tables} in access exclusive mode"))
        .await
        .unwrap();
    client
}

/// The environments that have worked: `fetch`, `process`, `webhook`, `ingest`, two of `metrics`.
const ENVIRONMENTS: i64 = 6;

/// Asserts that no environment has more than one connection, and that none of them waits any more.
/// Postgres ends a statement shortly after it was asked to.
async fn assert_one_connection_each(app: &TestApp) {
    let ours = "from pg_stat_activity where datname = current_database() and application_name = 'penstock'";
    let count = format!("select count(*), count(*) filter (where state = 'active') {ours}");
    let client = app.db.client().await;
    for _ in 0..500 {
        let row = client.query_one(&count, &[]).await.unwrap();
        if row.get::<_, i64>(0) <= ENVIRONMENTS && row.get::<_, i64>(1) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let each = format!("select string_agg(concat_ws(': ', usename, state, query), E'\\n') {ours}");
    panic!("{}", client.query_one(&each, &[]).await.unwrap().get::<_, String>(0));
}

/// Locks everything for two rounds of requests. With `own`, each function has its own login, which
/// has limits; otherwise all log in as the owner, which has none.
async fn locked_for_long(seed: u64, own: bool) {
    let mut app = TestApp::over(account(seed, 30)).await;
    app.let_in().await;
    add_key(&app.db.client().await, READ_KEY, Scope::Read).await;
    app.fetch_all().await.unwrap();
    let pool = |function| if own { app.db.database_of(function, 1) } else { app.db.database(1) };
    (app.webhook.database, app.process.database) = (pool("webhook"), pool("process"));
    app.ingest.database = pool("ingest");
    let metrics = ports(pool("metrics"), config());
    app.ingest.admission = admission(app.ingest.database.clone(), 1_000);
    let tickets = app.tickets.take();
    assert_eq!(get(&metrics, "/stats").await.status, 200);
    let locked = lock_everything(&app).await;
    for round in 0..2 {
        let body = charge_event(&format!("evt_{round}"), &format!("ch_new_{round}"), NOW);
        let deadline = app.clock.now() + process::RESERVE + Duration::from_secs(3);
        let lead = format!("lead {round}");
        // A second environment has not seen the key, and sends its look-up along with the question.
        let another = ports(pool("metrics"), config());
        let (webhook, lead, revenue, ready, stats, work) = tokio::join!(
            send(&app, signed(&app, &body)),
            ingest::post(&app.ingest, "/leads", &[], lead.as_bytes()),
            get(&another, "/metrics/revenue/summary"),
            get(&metrics, "/readyz"),
            get(&metrics, "/stats"),
            app.process.handle(batch(&tickets, 1), deadline),
        );
        assert_eq!(webhook, (202, json!({"received": true, "outcome": "spilled"})));
        assert_eq!(lead.status, 202);
        for read in [revenue, ready, stats] {
            assert_eq!((read.status, read.header("retry-after")), (503, "5"), "{read:?}");
        }
        assert_eq!(work.failures(), tickets.len());
        assert_one_connection_each(&app).await;
    }
    locked.batch_execute("commit").await.unwrap();
    assert_eq!(app.bring_in(&app.spill.take()).await, 0);
    assert_eq!(app.deliver(&tickets, 2).await.failures(), 0);
    app.drain().await;
    let came =
        "select count(*) from outbox where external_id like 'ch\\_new\\_%' or source = 'leads'";
    assert_eq!(app.db.scalar::<i64>(came).await, 4);
    assert_eq!(get(&metrics, "/stats").await.status, 200);
}

#[tokio::test]
async fn trap_69_a_table_that_is_locked_for_long_costs_each_environment_one_connection_and_no_request()
 {
    Box::pin(locked_for_long(390, true)).await;
}

#[tokio::test]
async fn trap_69_nor_does_it_where_all_functions_share_a_login_that_has_no_limits() {
    Box::pin(locked_for_long(391, false)).await;
}
