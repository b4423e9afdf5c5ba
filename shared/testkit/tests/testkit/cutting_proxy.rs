//! The proxy before Postgres: which messages it counts and at which it cuts.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use penstock_store::{Database, StaticLogin, Tls};
use penstock_testkit::{Cut, CuttingProxy, TestDatabase};
use tokio::sync::oneshot;

const INSERT: &str = "insert into api_keys (id, name, scope, sha256, created_at) \
     values (gen_random_uuid(), 'test', 'read', sha256('key'), now())";

async fn keys(database: &TestDatabase) -> i64 {
    database.scalar("select count(*) from api_keys").await
}

fn through(proxy: &CuttingProxy) -> Database {
    Database::new(Arc::new(StaticLogin(proxy.login())), Tls::Disable, None, 1).unwrap()
}

/// Does the work of a function under test: one statement in a transaction.
async fn work(pool: &Database) -> Result<(), String> {
    let mut connection = pool.connection().await.map_err(|e| e.to_string())?;
    let transaction = connection.transaction().await.map_err(|e| e.to_string())?;
    transaction.execute_typed(INSERT, &[]).await.map_err(|e| e.to_string())?;
    transaction.commit().await.map_err(|e| e.to_string())
}

#[tokio::test]
async fn messages_are_counted_and_the_same_work_sends_the_same_number() {
    let database = TestDatabase::new().await;
    let mut counts = Vec::new();
    for _ in 0..2 {
        database.client().await.batch_execute("truncate api_keys").await.unwrap();
        let proxy = CuttingProxy::start(database.login()).await;
        work(&through(&proxy)).await.unwrap();
        counts.push((proxy.messages(), proxy.connections()));
    }
    // Start-up; Query "begin"; Parse, Bind, Describe, Execute, Sync; Query "commit".
    assert_eq!(counts, [(8, 1), (8, 1)]);
}

#[tokio::test]
async fn a_cut_at_every_message_leaves_all_of_the_work_or_none_of_it() {
    let database = TestDatabase::new().await;
    for cut in [Cut::BeforeForwarding, Cut::AfterForwarding] {
        for nth in 1..=8 {
            database.client().await.batch_execute("truncate api_keys").await.unwrap();
            let proxy = CuttingProxy::start(database.login()).await;
            let called = Arc::new(AtomicBool::new(false));
            let call = called.clone();
            proxy.cut_at(nth, cut, move || call.store(true, Ordering::SeqCst));
            assert!(work(&through(&proxy)).await.is_err(), "{cut:?} {nth}: the client saw a reply");
            assert!(proxy.was_cut() && called.load(Ordering::SeqCst), "{cut:?} {nth}");
            let committed = nth == 8 && cut == Cut::AfterForwarding;
            assert_eq!(keys(&database).await, i64::from(committed), "{cut:?} {nth}");
            let forwarded = if cut == Cut::AfterForwarding { nth } else { nth - 1 };
            assert_eq!(proxy.messages(), forwarded, "{cut:?} {nth}");
        }
    }
}

#[tokio::test]
async fn a_cut_happens_once_and_the_next_connection_works() {
    let database = TestDatabase::new().await;
    let proxy = CuttingProxy::start(database.login()).await;
    let pool = through(&proxy);
    proxy.cut_at(8, Cut::BeforeForwarding, || {});
    assert!(work(&pool).await.is_err());
    work(&pool).await.unwrap();
    assert_eq!(keys(&database).await, 1);
    assert_eq!(proxy.connections(), 2);
}

#[tokio::test]
async fn a_cut_counts_from_the_moment_it_is_asked_for() {
    let database = TestDatabase::new().await;
    let proxy = CuttingProxy::start(database.login()).await;
    let pool = through(&proxy);
    work(&pool).await.unwrap();
    database.client().await.batch_execute("truncate api_keys").await.unwrap();
    // On the open connection the commit is the seventh message.
    proxy.cut_at(7, Cut::AfterForwarding, || {});
    assert!(work(&pool).await.is_err());
    assert_eq!(keys(&database).await, 1);
}

#[tokio::test]
async fn dropped_connections_end_and_new_ones_work() {
    let database = TestDatabase::new().await;
    let proxy = CuttingProxy::start(database.login()).await;
    let pool = through(&proxy);
    let connection = pool.connection().await.unwrap();
    proxy.drop_connections().await;
    assert!(connection.simple_query("select 1").await.is_err());
    drop(connection);
    work(&pool).await.unwrap();
}

#[tokio::test]
async fn a_frozen_connection_neither_answers_nor_ends() {
    let database = TestDatabase::new().await;
    let proxy = CuttingProxy::start(database.login()).await;
    let pool = through(&proxy);
    let connection = pool.connection().await.unwrap();
    let before = proxy.messages();
    proxy.freeze_connections();
    let (tell, hear) = oneshot::channel();
    let asking = tokio::spawn(async move {
        let answer = connection.simple_query("select 1").await;
        let _ = tell.send(answer.is_ok());
    });
    // Meanwhile a connection that is opened now does all of its work.
    work(&through(&proxy)).await.unwrap();
    assert_eq!(proxy.messages() - before, 8);
    assert!(!asking.is_finished());
    asking.abort();
    assert!(hear.await.is_err());
}
