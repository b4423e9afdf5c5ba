//! The migrations, applied by more than one process and more than once.
#![allow(clippy::unwrap_used, reason = "test code")]

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
