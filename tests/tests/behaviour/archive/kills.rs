//! `archive` as built, killed with SIGKILL at any message to Postgres, and run again, over an S3
//! that speaks its protocol.

use penstock_testkit::{Cut, Outcome, TestDatabase};
use penstock_tests::simulators::s3::{Failure, S3Simulator};
use penstock_tests::thorough::part;
use penstock_tests::victim::Victim;
use serde_json::{Value, json};

use super::ArchiveApp;
use super::app::{NOW, column_of};

/// Points at which the function is killed.
const POINTS: u64 = 60;

pub async fn victim(db: &TestDatabase, s3: &S3Simulator) -> Victim {
    let settings =
        [("ARCHIVE_BUCKET", s3.bucket().to_owned()), ("AWS_ENDPOINT_URL_S3", s3.url().to_owned())];
    Victim::start("archive", db, &settings).await
}

/// Copies all that is there, and asks for no day.
fn event() -> Value {
    json!({"archive": {"from": "2020-01-01", "to": "2020-01-01"}})
}

async fn filled() -> TestDatabase {
    let app = ArchiveApp::new().await;
    app.events(1, 300, NOW).await;
    app.events(301, 310, "2026-03-27T12:00:00Z").await;
    app.execute(
        "insert into payments (source, kind, external_id, amount, currency, status, raw_status, occurred_at, version_at, native, \
                               version_rank, content_hash, raw, outbox_id, updated_at) \
         select 'stripe', 'charge', 'ch_' || n, n, 'EUR', 'collected', 's', now(), now(), true, 0, 0, '', gen_random_uuid(), now() \
         from generate_series(1, 200) n",
    )
    .await;
    app.db.until_over().await;
    app.db
}

/// The rows of the files that the lists name, and the number of files in the store.
fn seen(s3: &S3Simulator) -> (Vec<String>, i64, usize) {
    let (mut keys, mut amount) = (Vec::new(), 0_i64);
    for table in ["events", "payments"] {
        let manifest = s3.object(&format!("v1/_manifest/{table}.json")).unwrap();
        let manifest: Value = serde_json::from_slice(&manifest).unwrap();
        for file in manifest["files"].as_array().unwrap() {
            let body = s3.object(file["key"].as_str().unwrap()).unwrap();
            keys.extend(column_of(&body, "row_key"));
            if table == "payments" {
                let amounts = column_of(&body, "amount_minor");
                amount += amounts.iter().map(|n| n.parse::<i64>().unwrap()).sum::<i64>();
            }
        }
    }
    keys.sort();
    (keys, amount, s3.keys().len())
}

async fn claims_run_out(db: &TestDatabase) {
    db.client()
        .await
        .execute("update archive_batches set claimed_until = null", &[])
        .await
        .unwrap();
}

#[tokio::test]
async fn trap_55_killed_at_any_message_to_postgres_it_copies_each_row_once() {
    let (db, s3) = (filled().await, S3Simulator::start().await);
    let whole = victim(&db, &s3).await;
    assert_eq!(whole.host.invoke_unhurried(event()).await.reply()["rows"], 510);
    let messages = whole.proxy.messages();
    let files = seen(&s3).2;
    let mut rng = fastrand::Rng::with_seed(67);
    for point in 0..part(POINTS) {
        let nth = messages - point * messages / part(POINTS);
        let cut = if rng.bool() { Cut::BeforeForwarding } else { Cut::AfterForwarding };
        let (db, s3) = (filled().await, S3Simulator::start().await);
        victim(&db, &s3).await.die_at(nth, cut, event()).await;
        claims_run_out(&db).await;
        let again = victim(&db, &s3).await;
        assert_eq!(again.host.invoke_unhurried(event()).await.reply()["left"], 0, "message {nth}");
        let (keys, amount, in_store) = seen(&s3);
        assert_eq!(keys.len(), 510, "message {nth} of {messages}, {cut:?}");
        assert!(
            keys.windows(2).all(|pair| pair[0] != pair[1]),
            "message {nth}: a row is there twice"
        );
        assert_eq!(amount, 200 * 201 / 2);
        assert_eq!(in_store, files, "message {nth}: a file that no list names");
    }
}

#[tokio::test]
async fn over_a_real_client_conflicts_throttling_and_lost_replies_end_in_each_row_once() {
    for failure in [
        Failure::Refuses(503, "SlowDown"),
        Failure::Refuses(409, "ConditionalRequestConflict"),
        Failure::Refuses(500, "InternalError"),
        Failure::LosesReply,
        Failure::Disconnects,
    ] {
        let (db, s3) = (filled().await, S3Simulator::start().await);
        // The SDK tries three times by itself, of which the last one fails too for the first
        // object.
        s3.fails(failure, 4);
        let victim = victim(&db, &s3).await;
        let mut left = -1;
        for _ in 0..5 {
            claims_run_out(&db).await;
            if let Outcome::Replied(reply) = victim.host.invoke(event()).await {
                left = reply["left"].as_i64().unwrap();
                if left == 0 {
                    break;
                }
            }
        }
        assert_eq!(left, 0, "{failure:?}");
        let (keys, amount, _) = seen(&s3);
        assert_eq!((keys.len(), amount), (510, 200 * 201 / 2), "{failure:?}");
    }
}

#[tokio::test]
async fn a_bucket_that_is_not_there_or_closed_is_told_and_nothing_is_marked() {
    for (status, code) in [(404, "NoSuchBucket"), (403, "AccessDenied")] {
        let (db, s3) = (filled().await, S3Simulator::start().await);
        s3.fails(Failure::Refuses(status, code), usize::MAX);
        let victim = victim(&db, &s3).await;
        let Outcome::Failed { .. } = victim.host.invoke(event()).await else {
            panic!("{code} was taken for success");
        };
        assert_eq!(
            db.scalar::<i64>("select count(*) from archive_batches where state = 'done'").await,
            0
        );
    }
}
