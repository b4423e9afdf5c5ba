//! The databases that the test kit creates.

use penstock_testkit::TestDatabase;
use tokio_postgres::Client;

const OUTBOX_ROW: &str = "insert into outbox (id, source, entity, external_id, version_key, version_at, payload, \
     content_type, next_attempt_at, received_at) \
     values (gen_random_uuid(), 'stripe', 'charge', 'ch_1', 'evt_1', now(), '', 'application/json', now(), now())";

async fn exists(client: &Client, name: &str) -> bool {
    client
        .query_opt("select from pg_database where datname = $1", &[&name])
        .await
        .unwrap()
        .is_some()
}

#[tokio::test]
async fn each_test_has_a_migrated_database_of_its_own() {
    let (one, other) = (TestDatabase::new().await, TestDatabase::new().await);
    one.client().await.batch_execute(OUTBOX_ROW).await.unwrap();
    assert_eq!(one.scalar::<i64>("select count(*) from outbox").await, 1);
    assert_eq!(other.scalar::<i64>("select count(*) from outbox").await, 0);
}

#[tokio::test]
async fn databases_can_be_made_all_at_once() {
    let making: Vec<_> = (0..8).map(|_| tokio::spawn(TestDatabase::new())).collect();
    for made in making {
        assert_eq!(made.await.unwrap().scalar::<i64>("select count(*) from outbox").await, 0);
    }
}

#[tokio::test]
async fn a_dropped_database_is_gone_though_somebody_is_connected() {
    let (gone, witness) = (TestDatabase::new().await, TestDatabase::empty().await);
    let name = gone.login().database;
    let _connected = gone.client().await;
    let client = witness.client().await;
    assert!(exists(&client, &name).await);
    drop(gone);
    assert!(!exists(&client, &name).await);
}

#[tokio::test]
async fn an_empty_database_has_no_tables() {
    let database = TestDatabase::empty().await;
    let tables = "select count(*) from pg_class where relnamespace = 'public'::regnamespace";
    assert_eq!(database.scalar::<i64>(tables).await, 0);
}

#[tokio::test]
async fn the_pool_and_the_url_lead_to_the_same_database() {
    let database = TestDatabase::new().await;
    let pool = database.database(1);
    let row = pool
        .connection()
        .await
        .unwrap()
        .query_one("select current_database()::text", &[])
        .await
        .unwrap();
    assert!(database.url().ends_with(&format!("/{}", row.get::<_, String>(0))));
}

#[tokio::test]
async fn the_guard_passes_where_nothing_is_pending() {
    let database = TestDatabase::new().await;
    database.client().await.batch_execute(OUTBOX_ROW).await.unwrap();
    database.client().await.batch_execute("update outbox set status = 'processed'").await.unwrap();
    database.assert_nothing_waits().await;
}

#[tokio::test]
#[should_panic(expected = "stripe/charge/ch_1 version evt_1, attempts 0, last error: none")]
async fn the_guard_names_what_is_pending() {
    let database = TestDatabase::new().await;
    database.client().await.batch_execute(OUTBOX_ROW).await.unwrap();
    database.assert_nothing_waits().await;
}
