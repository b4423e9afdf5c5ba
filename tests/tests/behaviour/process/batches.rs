//! One row fails alone (traps 17, 20, 21, 49), and a batch is one transaction.

use jiff::Timestamp;
use penstock_domain::clock::Clock;
use penstock_domain::config::Env;
use penstock_domain::disposition::{Reason, ReasonKind};
use penstock_domain::facts::Facts;
use penstock_domain::ids::OutboxId;
use penstock_domain::record::{Item, RowView};
use penstock_domain::source::Source;
use penstock_domain::source::stripe::Stripe;
use penstock_domain::ticket::Ticket;
use penstock_store::outbox::{self, DeadRow};
use penstock_tests::test_app::TestApp;

use crate::stripe_account::{NOW, account};

/// A charge as a list shows it.
pub fn charge(id: &str, amount: &str, status: &str) -> String {
    format!(
        r#"{{"id": "{id}", "object": "charge", "amount": {amount}, "amount_captured": {amount}, "captured": true,
            "created": {NOW}, "currency": "usd", "status": "{status}"}}"#
    )
}

/// The payments that could be read. The others count as nothing.
const READABLE: &str = "select count(*) from payments where status <> 'unreadable'";

/// Inserts objects straight into the outbox, one version each, and returns their ids.
pub async fn put(app: &TestApp, objects: &[(String, String)]) -> Vec<OutboxId> {
    let at = Timestamp::from_second(NOW).unwrap();
    let items = objects.iter().map(|(id, payload)| Item {
        entity: "charge".to_owned(),
        external_id: id.clone(),
        version_key: "run:1".to_owned(),
        version_at: at,
        api_version: None,
        payload: payload.as_bytes(),
    });
    app.put(&items.collect::<Vec<_>>()).await
}

fn charges(n: usize) -> Vec<(String, String)> {
    (0..n)
        .map(|i| (format!("ch_{i:04}"), charge(&format!("ch_{i:04}"), "100", "succeeded")))
        .collect()
}

fn tickets(ids: &[OutboxId]) -> Vec<String> {
    Ticket::split(ids).map(|t| t.to_body()).collect()
}

async fn letters(app: &TestApp) -> Vec<(String, String, String)> {
    let sql = "select external_id, error_kind, error from dead_letters order by external_id";
    let rows = app.db.client().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|r| (r.get(0), r.get(1), r.get(2))).collect()
}

#[tokio::test]
async fn a_poison_row_among_a_thousand_dies_alone_and_at_once_with_its_exact_reason() {
    let app = TestApp::over(account(50, 1)).await;
    let mut rows = charges(1_000);
    rows[437].1 = charge("ch_0437", "1e400", "succeeded");
    let ids = put(&app, &rows).await;
    let response = app.deliver(&tickets(&ids), 1).await;
    assert_eq!(response.failures(), 0);
    assert_eq!(app.db.scalar::<i64>(READABLE).await, 999);
    let letters = letters(&app).await;
    assert_eq!(letters.len(), 1);
    let (id, kind, error) = &letters[0];
    assert_eq!((id.as_str(), kind.as_str()), ("ch_0437", "malformed"));
    assert!(error.contains("number out of range") || error.contains("floating point"), "{error}");
    app.db.assert_nothing_waits().await;
}

#[tokio::test]
async fn trap_17_many_versions_of_one_object_in_a_batch_collapse_to_the_newest() {
    let app = TestApp::over(account(51, 1)).await;
    let mut ids = Vec::new();
    for (i, status) in ["pending", "succeeded", "failed", "succeeded"].iter().enumerate() {
        let payload = format!(
            r#"{{"id":"evt_{i}","object":"event","created":{},"data":{{"object":{}}}}}"#,
            NOW + i64::try_from(i).unwrap(),
            charge("ch_1", "100", status)
        );
        let at = Timestamp::from_second(NOW + i64::try_from(i).unwrap()).unwrap();
        let item = Item {
            entity: "charge".to_owned(),
            external_id: "ch_1".to_owned(),
            version_key: format!("evt_{i}"),
            version_at: at,
            api_version: None,
            payload: payload.as_bytes(),
        };
        ids.extend(app.put(&[item]).await);
    }
    assert_eq!(app.deliver(&tickets(&ids), 1).await.failures(), 0);
    let stands: String = app
        .db
        .scalar("select status || ' ' || extract(epoch from version_at)::bigint from payments")
        .await;
    assert_eq!(stands, format!("collected {}", NOW + 3));
}

#[tokio::test]
async fn trap_20_a_message_that_is_not_a_ticket_fails_alone() {
    let app = TestApp::over(account(52, 1)).await;
    let ids = put(&app, &charges(3)).await;
    let mut bodies = tickets(&ids);
    bodies.extend([
        "".to_owned(),
        "not json {".to_owned(),
        "{\"v\":9,\"ids\":[]}".to_owned(),
        "\u{0}".to_owned(),
    ]);
    let response = app.deliver(&bodies, 1).await;
    let failed = serde_json::to_value(&response).unwrap();
    let expected = serde_json::json!({"batchItemFailures": [
        {"itemIdentifier": "message-1"}, {"itemIdentifier": "message-2"},
        {"itemIdentifier": "message-3"}, {"itemIdentifier": "message-4"},
    ]});
    assert_eq!(failed, expected);
    assert_eq!(app.db.scalar::<i64>("select count(*) from payments").await, 3);
}

#[tokio::test]
async fn trap_21_a_value_that_postgres_refuses_is_found_by_halves_and_the_others_have_one_effect() {
    let app = TestApp::over(account(53, 1)).await;
    let ids = put(&app, &charges(64)).await;
    // A rule that our model does not know: only Postgres can refuse it.
    let rule = "alter table payments add constraint unlucky check (external_id not in ('ch_0013', 'ch_0040'))";
    app.db.client().await.batch_execute(rule).await.unwrap();
    assert_eq!(app.deliver(&tickets(&ids), 1).await.failures(), 0);
    assert_eq!(app.db.scalar::<i64>(READABLE).await, 62);
    let letters = letters(&app).await;
    let dead: Vec<_> = letters.iter().map(|(id, kind, _)| (id.as_str(), kind.as_str())).collect();
    assert_eq!(dead, [("ch_0013", "refused"), ("ch_0040", "refused")]);
    assert!(
        letters[0].2.contains("23514") && letters[0].2.contains("constraint unlucky"),
        "{}",
        letters[0].2
    );
    let gross: String = app
        .db
        .scalar("select sum(amount)::text from revenue_buckets where grain = 'day' and status = 'collected'")
        .await;
    assert_eq!(gross, "6200");
}

fn panics_on_the_seventh(row: RowView<'_>) -> Result<Facts<'_>, Reason> {
    assert!(
        !String::from_utf8_lossy(row.payload).contains("ch_0007"),
        "the seventh of {} is too much",
        row.source
    );
    Stripe.normalizer(&Env::default()).unwrap().normalize(row)
}

#[tokio::test]
async fn trap_49_a_panic_is_caught_and_kills_one_row_not_the_batch() {
    let mut app = TestApp::over(account(54, 1)).await;
    app.process.reader.insert("stripe", Box::new(panics_on_the_seventh));
    let ids = put(&app, &charges(20)).await;
    assert_eq!(app.deliver(&tickets(&ids), 1).await.failures(), 0);
    let letters = letters(&app).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(
        (letters[0].0.as_str(), letters[0].1.as_str(), letters[0].2.as_str()),
        ("ch_0007", "panicked", "our code panicked: the seventh of stripe is too much")
    );
    assert_eq!(app.db.scalar::<i64>(READABLE).await, 19);
}

#[test]
fn trap_49_the_release_profile_unwinds() {
    let manifest = include_str!("../../../../Cargo.toml");
    let release = manifest.split("[profile.release]").nth(1).unwrap();
    assert!(release.split("\n[").next().unwrap().contains("panic = \"unwind\""));
}

#[tokio::test]
async fn a_row_that_brought_the_process_down_alone_is_dead_and_its_neighbours_are_not() {
    let app = TestApp::over(account(55, 1)).await;
    let ids = put(&app, &charges(5)).await;
    let died = "update outbox set attempts = 3, crashes = 2 where external_id = 'ch_0002'";
    app.db.client().await.batch_execute(died).await.unwrap();
    assert_eq!(app.deliver(&tickets(&ids), 2).await.failures(), 0);
    assert_eq!(app.db.scalar::<i64>(READABLE).await, 4);
    let letters = letters(&app).await;
    assert_eq!(letters.len(), 1);
    assert_eq!(letters[0].1, "crashed");
    assert_eq!(letters[0].2, "the process died while it worked on this row alone, 2 times");
}

#[tokio::test]
async fn where_postgres_is_away_every_message_comes_again_and_no_row_loses_an_attempt() {
    let mut app = TestApp::over(account(56, 1)).await;
    let ids = put(&app, &charges(5)).await;
    let good = app.process.database.clone();
    let mut nowhere = app.db.login();
    nowhere.port = 1;
    let source = std::sync::Arc::new(penstock_store::StaticLogin(nowhere));
    app.process.database =
        penstock_store::Database::new(source, penstock_store::Tls::Disable, None, 1).unwrap();
    for receives in [1, 2, 3] {
        assert_eq!(app.deliver(&tickets(&ids), receives).await.failures(), 1);
    }
    app.process.database = good;
    assert_eq!(app.deliver(&tickets(&ids), 4).await.failures(), 0);
    assert_eq!(app.db.scalar::<i64>("select count(*) from payments").await, 5);
    assert_eq!(app.db.scalar::<i64>("select count(*) from dead_letters").await, 0);
}

#[tokio::test]
async fn a_row_that_another_holds_comes_again_and_one_that_is_done_does_not() {
    let app = TestApp::over(account(57, 1)).await;
    let ids = put(&app, &charges(2)).await;
    let other = app.db.client().await;
    other
        .batch_execute("begin; select 1 from outbox where external_id = 'ch_0001' for update")
        .await
        .unwrap();
    assert_eq!(app.deliver(&tickets(&ids[..1]), 1).await.failures(), 0);
    assert_eq!(app.deliver(&tickets(&ids), 1).await.failures(), 1, "ch_0001 is in other hands");
    other.batch_execute("commit").await.unwrap();
    assert_eq!(app.deliver(&tickets(&ids), 2).await.failures(), 0);
    assert_eq!(
        app.deliver(&tickets(&ids), 2).await.failures(),
        0,
        "a doubled ticket finds nothing pending"
    );
    assert_eq!(app.db.scalar::<i64>("select count(*) from payments").await, 2);
}

#[tokio::test]
async fn after_an_outage_messages_go_as_batches_again_not_row_by_row() {
    let app = TestApp::over(account(58, 1)).await;
    let ids = put(&app, &charges(100)).await;
    let commits = "select xact_commit from pg_stat_database where datname = current_database()";
    let before: i64 = app.db.scalar(commits).await;
    assert_eq!(app.deliver(&tickets(&ids), 2).await.failures(), 0);
    let client = app.process.database.connection().await.unwrap();
    client.simple_query("select pg_stat_force_next_flush()").await.unwrap();
    let spent = app.db.scalar::<i64>(commits).await - before;
    assert!(spent < 20, "{spent} transactions for a hundred rows");
    assert_eq!(app.db.scalar::<i64>("select count(*) from payments").await, 100);
}

#[tokio::test]
async fn an_id_or_a_status_that_no_index_takes_dies_alone() {
    let app = TestApp::over(account(59, 1)).await;
    let mut rows = charges(20);
    let mut rng = fastrand::Rng::with_seed(1);
    let long: String = (0..6_000).map(|_| rng.alphanumeric()).collect();
    rows[7].1 = charge("ch_0007", "100", &long);
    rows[9].1 = charge(&long, "100", "succeeded");
    let ids = put(&app, &rows).await;
    assert_eq!(app.deliver(&tickets(&ids), 1).await.failures(), 0);
    assert_eq!(app.db.scalar::<i64>(READABLE).await, 18);
    let letters = letters(&app).await;
    assert_eq!(letters.len(), 2);
    assert_eq!(letters[0].2, "charge: the status is longer than 255 characters");
    assert_eq!(letters[1].2, "charge: the id is longer than 255 characters");
}

#[tokio::test]
async fn what_another_has_processed_meanwhile_cannot_be_declared_dead() {
    let app = TestApp::over(account(63, 1)).await;
    let ids = put(&app, &charges(1)).await;
    app.deliver(&tickets(&ids), 1).await;
    let dead = DeadRow { id: ids[0], reason: Reason::new(ReasonKind::Crashed, "too late") };
    let connection = app.process.database.connection().await.unwrap();
    outbox::bury(&**connection, &[dead], app.clock.now() + std::time::Duration::from_secs(1))
        .await
        .unwrap();
    assert_eq!(app.db.scalar::<String>("select status from outbox").await, "processed");
    assert!(letters(&app).await.is_empty());
}
