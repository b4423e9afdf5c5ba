//! A kind of row that the product does not have, added by this folder: a type, a table, a
//! statement.
//!
//! Its rows go through `process` as every other kind's do. Nothing else knows of it.

use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use penstock_domain::clock::Clock as _;
use penstock_domain::config::Env;
use penstock_domain::ids::OutboxId;
use penstock_domain::record::Item;
use penstock_domain::ticket::Ticket;
use penstock_store::{Database, StaticLogin, Tls};
use penstock_testkit::{CuttingProxy, MemoryQueue};
use penstock_tests::clock::TestClock;
use penstock_tests::test_app::{TestApp, batch};
use process::Normalizers;
use process::Ports;

use crate::process::batches::{charge, put};
use crate::stripe_account::{NOW, account};

mod kind;

use kind::{ReadsInvoices, SOURCE};

async fn app_with_invoices(seed: u64) -> TestApp {
    let app = TestApp::over(account(seed, 1)).await;
    app.db.client().await.batch_execute(include_str!("table.sql")).await.unwrap();
    app
}

fn test_mode() -> Env {
    [("STRIPE_LIVEMODE", "false")].into_iter().collect()
}

fn process(app: &TestApp, database: Database) -> Ports<TestClock, MemoryQueue, ReadsInvoices> {
    Ports {
        database,
        witness: process::Witness::default(),
        backlog: process::Backlog::default(),
        erased: penstock_store::erased_names::Known::default(),
        reader: ReadsInvoices(Normalizers::from_env(&test_mode()).unwrap()),
        refetches: Some(app.requests.clone()),
        clock: app.clock.clone(),
    }
}

/// The payload of an invoice, and when it was current: `second` seconds after [`NOW`].
fn invoice(id: &str, total: &str, state: &str, second: i64) -> (String, Timestamp) {
    let payload =
        format!(r#"{{"id": "{id}", "customer": "c_1", "total": {total}, "state": "{state}"}}"#);
    (payload, Timestamp::from_second(NOW).unwrap() + SignedDuration::from_secs(second))
}

/// Puts invoices into the outbox, each as a row of its own.
async fn arrive(app: &TestApp, invoices: &[(String, Timestamp)]) -> Vec<OutboxId> {
    let items = invoices.iter().map(|(payload, version_at)| Item {
        entity: "invoice".to_owned(),
        external_id: payload.clone(),
        version_key: version_at.to_string(),
        version_at: *version_at,
        api_version: None,
        payload: payload.as_bytes(),
    });
    app.put_of(SOURCE, &items.collect::<Vec<_>>()).await
}

async fn deliver(process: &Ports<TestClock, MemoryQueue, ReadsInvoices>, ids: &[OutboxId]) {
    let bodies: Vec<String> = Ticket::split(ids).map(|ticket| ticket.to_body()).collect();
    let deadline = process.clock.now() + std::time::Duration::from_secs(60);
    assert_eq!(process.handle(batch(&bodies, 1), deadline).await.failures(), 0);
}

async fn texts(app: &TestApp, sql: &str) -> Vec<String> {
    let rows = app.db.client().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

/// Each invoice as `id total state`, and the id that its object says.
async fn invoices(app: &TestApp) -> Vec<String> {
    let sql = "select concat_ws(' ', external_id, total, state, convert_from(raw, 'UTF8')::json ->> 'id') \
               from invoices order by external_id";
    texts(app, sql).await
}

#[tokio::test]
async fn rows_of_a_new_kind_are_written_with_the_others_in_one_transaction() {
    let app = app_with_invoices(110).await;
    let mut ids = put(&app, &[("ch_1".to_owned(), charge("ch_1", "100", "succeeded"))]).await;
    ids.extend(arrive(&app, &[invoice("in_1", "700", "open", 0)]).await);
    deliver(&process(&app, app.db.database(1)), &ids).await;
    assert_eq!(invoices(&app).await, ["in_1 700 open in_1"]);
    assert_eq!(app.db.scalar::<i64>("select count(*) from payments").await, 1);
    let writers = "select xmin::text from payments union select xmin::text from invoices";
    assert_eq!(texts(&app, writers).await.len(), 1, "one transaction");
    app.db.assert_nothing_waits().await;
}

#[tokio::test]
async fn versions_of_a_new_kind_end_alike_in_every_order_and_several_may_share_a_batch() {
    let open = invoice("in_1", "700", "open", 0);
    let (changed, paid) = (invoice("in_1", "900", "open", 1), invoice("in_1", "900", "paid", 1));
    for (seed, batches) in [
        (111, vec![vec![&open, &changed, &paid]]),
        (112, vec![vec![&paid], vec![&changed], vec![&open]]),
        (113, vec![vec![&open], vec![&paid], vec![&changed]]),
        (114, vec![vec![&changed, &open], vec![&paid]]),
    ] {
        let app = app_with_invoices(seed).await;
        let process = process(&app, app.db.database(1));
        for versions in batches {
            let versions: Vec<_> = versions.into_iter().cloned().collect();
            deliver(&process, &arrive(&app, &versions).await).await;
        }
        assert_eq!(invoices(&app).await, ["in_1 900 paid in_1"], "{seed}");
    }
}

#[tokio::test]
async fn a_bad_row_of_a_new_kind_fails_alone() {
    let app = app_with_invoices(115).await;
    let mut rows: Vec<_> =
        (0..30).map(|i| invoice(&format!("in_{i:02}"), "5", "open", 0)).collect();
    rows[7] = invoice("in_07", "\"five\"", "open", 0);
    rows[21] = invoice("in_21", "-5", "open", 0);
    deliver(&process(&app, app.db.database(1)), &arrive(&app, &rows).await).await;
    let written = invoices(&app).await;
    assert_eq!(written.len(), 28);
    assert!(!written.iter().any(|row| row.starts_with("in_07") || row.starts_with("in_21")));
    let letters = "select error_kind || ': ' || error from dead_letters order by error_kind";
    let letters = texts(&app, letters).await;
    assert_eq!(letters.len(), 2);
    assert!(letters[0].starts_with("malformed: "), "the normalizer's: {}", letters[0]);
    assert!(letters[1].contains("constraint total_is_not_negative"), "{}", letters[1]);
    app.db.assert_nothing_waits().await;
}

#[tokio::test]
async fn a_batch_of_a_new_kind_takes_as_many_messages_whatever_its_size() {
    let app = app_with_invoices(116).await;
    let proxy = CuttingProxy::start(app.db.login()).await;
    let login = Arc::new(StaticLogin(proxy.login()));
    // A connection that was idle for long would be tried first, by a message more.
    let database = Database::new(login, Tls::Disable, None, 1).unwrap();
    let process = process(&app, database.checked_after(std::time::Duration::MAX));
    drop(process.database.connection().await.unwrap());
    let mut messages = Vec::new();
    for size in [1, 100] {
        let rows: Vec<_> =
            (0..size).map(|i| invoice(&format!("in_{i}"), "5", "open", size)).collect();
        let ids = arrive(&app, &rows).await;
        let before = proxy.messages();
        deliver(&process, &ids).await;
        messages.push(proxy.messages() - before);
    }
    assert_eq!(app.db.scalar::<i64>("select count(*) from invoices").await, 100);
    // BEGIN and COMMIT, and five messages each for the claim, for the names of people who were
    // erased, and for the only kind there is.
    assert_eq!(messages, [17, 17]);
}
