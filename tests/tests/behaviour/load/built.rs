//! `archive` and `load` as built: what is in Postgres is in BigQuery, each row once, though `load`
//! is killed with SIGKILL at any message to Postgres and BigQuery loses replies.

use std::collections::BTreeSet;
use std::time::Duration;

use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_testkit::{Cut, TestDatabase};
use penstock_tests::simulators::bigquery::{BigQuerySimulator, PROJECT};
use penstock_tests::simulators::s3::S3Simulator;
use penstock_tests::thorough::part;
use penstock_tests::victim::Victim;
use serde_json::{Value, json};

use super::DATASET;
use crate::archive::ArchiveApp;

/// Points at which the function is killed.
const POINTS: u64 = 36;

/// The time of an invocation. With less than its margin, the function begins nothing.
const LIVES: Duration = Duration::from_secs(600);

const EVENTS: usize = 310;
const PAYMENTS: usize = 200;

fn of_s3(s3: &S3Simulator) -> [(&'static str, String); 2] {
    [("ARCHIVE_BUCKET", s3.bucket().to_owned()), ("AWS_ENDPOINT_URL_S3", s3.url().to_owned())]
}

/// A database whose rows are copied to S3.
async fn archived() -> (TestDatabase, S3Simulator) {
    let app = ArchiveApp::new().await;
    app.events(1, 300, "2026-03-28T12:00:00Z").await;
    app.events(301, 310, "2026-03-27T12:00:00Z").await;
    app.execute(
        "insert into payments (source, kind, external_id, amount, currency, status, raw_status, occurred_at, version_at, native, \
                               version_rank, content_hash, raw, outbox_id, updated_at) \
         select 'stripe', 'charge', 'ch_' || n, n, 'EUR', 'collected', 's', now(), now(), true, 0, 0, '', gen_random_uuid(), \
                '2026-03-28T12:00:00Z' \
         from generate_series(1, 200) n",
    )
    .await;
    app.db.until_over().await;
    let (db, s3) = (app.db, S3Simulator::start().await);
    let archive = Victim::start("archive", &db, &of_s3(&s3)).await;
    let all = json!({"archive": {"from": "2020-01-01", "to": "2020-01-01"}});
    assert_eq!(archive.host.invoke_unhurried(all).await.reply()["left"], 0);
    (db, s3)
}

fn bigquery() -> BigQuerySimulator {
    let bigquery = BigQuerySimulator::start(SystemClock.now());
    bigquery.follow(|| SystemClock.now());
    bigquery
}

async fn load(db: &TestDatabase, s3: &S3Simulator, bigquery: &BigQuerySimulator) -> Victim {
    let [bucket, endpoint] = of_s3(s3);
    let settings = [
        bucket,
        endpoint,
        ("BIGQUERY_PROJECT", PROJECT.to_owned()),
        ("BIGQUERY_SERVICE_ACCOUNT", bigquery.key_file()),
        ("BIGQUERY_BASE_URL", bigquery.url()),
    ];
    Victim::start("load", db, &settings).await
}

/// Asks for what waits, and does not wait for the end of a rest.
fn event() -> Value {
    json!({"load": "retry"})
}

async fn work_off(load: &Victim) {
    for _ in 0..30 {
        let reply = load.host.invoke_with_deadline(event(), LIVES).await.reply();
        if reply["waiting"] == 0 {
            return;
        }
    }
    panic!("something waits for ever");
}

fn assert_each_row_once(bigquery: &BigQuerySimulator, about: &str) {
    let (events, payments) = (bigquery.rows(DATASET, "events"), bigquery.rows(DATASET, "payments"));
    let keys = |rows: &[_]| {
        let rows: &[penstock_tests::simulators::bigquery::LoadedRow] = rows;
        rows.iter().map(|row| row.row_key.clone()).collect::<BTreeSet<_>>().len()
    };
    assert_eq!((events.len(), keys(&events)), (EVENTS, EVENTS), "{about}");
    assert_eq!((payments.len(), keys(&payments)), (PAYMENTS, PAYMENTS), "{about}");
    let sum: i64 = payments.iter().map(|row| row.amount.as_ref().unwrap().0).sum();
    assert_eq!(sum, 200 * 201 / 2, "{about}");
}

#[tokio::test]
async fn files_as_archive_writes_them_are_loaded_with_each_reply_lost_once() {
    let ((db, s3), bigquery) = (archived().await, bigquery());
    bigquery.lose_each_reply_once();
    let load = load(&db, &s3, &bigquery).await;
    work_off(&load).await;
    assert!(bigquery.replies_lost() > 15, "{}", bigquery.replies_lost());
    assert_each_row_once(&bigquery, "each reply lost once");
    assert!(bigquery.jobs().iter().all(|(_, is_good)| *is_good), "{:?}", bigquery.jobs());
}

#[tokio::test]
async fn killed_at_any_message_to_postgres_each_row_is_loaded_once() {
    let (db, s3) = archived().await;
    let first = bigquery();
    let whole = load(&db, &s3, &first).await;
    work_off(&whole).await;
    assert_each_row_once(&first, "not killed");
    let (messages, jobs) = (whole.proxy.messages(), first.jobs().len());
    let mut rng = fastrand::Rng::with_seed(68);
    for point in 0..part(POINTS) {
        let forget = "truncate archive_loads, archive_rebuilds, archive_targets, circuits";
        db.client().await.batch_execute(forget).await.unwrap();
        let bigquery = bigquery();
        let nth = messages - point * messages / part(POINTS);
        let cut = if rng.bool() { Cut::BeforeForwarding } else { Cut::AfterForwarding };
        let victim = load(&db, &s3, &bigquery).await;
        victim.proxy.cut_at(nth, cut, victim.host.killer());
        drop(victim.host.invoke_with_deadline(event(), LIVES).await);
        drop(victim);
        work_off(&load(&db, &s3, &bigquery).await).await;
        assert_each_row_once(&bigquery, &format!("message {nth} of {messages}, {cut:?}"));
        assert_eq!(bigquery.jobs().len(), jobs, "message {nth}: one job a file");
    }
}
