//! The migrations, applied by more than one process and more than once.

use std::time::Duration;

use penstock_store::migrations::migrate;
use penstock_testkit::TestDatabase;

const HISTORY: &str = "select array_agg('V' || version || '__' || name order by version) from refinery_schema_history";

#[tokio::test]
async fn trap_47_two_migrators_at_once_apply_each_migration_once() {
    for _ in 0..5 {
        let database = TestDatabase::empty().await;
        let migrators: Vec<_> = (0..4)
            .map(|_| {
                let pool = database.database(2);
                tokio::spawn(async move { migrate(&pool).await })
            })
            .collect();
        let mut applied = Vec::new();
        for migrator in migrators {
            applied.extend(migrator.await.unwrap().unwrap().names);
        }
        assert!(!applied.is_empty());
        assert_eq!(applied, database.scalar::<Vec<String>>(HISTORY).await);
    }
}

#[tokio::test]
async fn a_second_migration_changes_nothing() {
    let database = TestDatabase::empty().await;
    let pool = database.database(2);
    let first = migrate(&pool).await.unwrap().names;
    assert!(!first.is_empty());
    let history = "select md5(array_agg(h order by version)::text) from refinery_schema_history h";
    let before: String = database.scalar(history).await;
    assert!(migrate(&pool).await.unwrap().names.is_empty());
    assert_eq!(database.scalar::<String>(history).await, before);
}

#[tokio::test]
async fn a_migration_that_finds_a_lock_taken_holds_up_nobody_and_is_tried_again() {
    let database = TestDatabase::of_version(8).await;
    let reader = database.client().await;
    reader.batch_execute("begin; select from outbox limit 1").await.unwrap();
    let pool = database.database(2);
    let migrator = tokio::spawn(async move { migrate(&pool).await });
    let client = database.client().await;
    client.batch_execute("set lock_timeout = '20s'").await.unwrap();
    for _ in 0..2 {
        let waits = "select count(*) from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'";
        while client.query_one(waits, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        // It queues behind the migration, which waits for the reader.
        client.batch_execute("select from outbox limit 1").await.unwrap();
    }
    reader.batch_execute("commit").await.unwrap();
    let applied = migrator.await.unwrap().unwrap().names;
    let history: Vec<String> = database.scalar(HISTORY).await;
    assert_eq!(applied, history[8..]);
}

#[tokio::test]
async fn no_run_ends_and_none_takes_its_place_while_a_window_of_it_is_open() {
    let database = TestDatabase::empty().await;
    migrate(&database.database(2)).await.unwrap();
    let client = database.client().await;
    let run = "insert into sync_state (source, entity, mode, run_id, updated_at) \
               values ('stripe', 'charge', 'full', '00000000-0000-7000-8000-000000000001', now()); \
               insert into sync_windows (source, entity, mode, run_id, number, window_to) \
               values ('stripe', 'charge', 'full', '00000000-0000-7000-8000-000000000001', 1, now())";
    client.batch_execute(run).await.unwrap();
    for end in ["null", "'00000000-0000-7000-8000-000000000002'"] {
        let error = client
            .batch_execute(&format!("update sync_state set run_id = {end}"))
            .await
            .unwrap_err();
        assert_eq!(error.code().unwrap().code(), "23503", "{error}");
    }
    client
        .batch_execute("delete from sync_windows; update sync_state set run_id = null")
        .await
        .unwrap();
}
