//! The migrations, applied by more than one process and more than once.
#![allow(clippy::unwrap_used, reason = "test code")]

use penstock_store::migrations::migrate;
use penstock_testkit::TestDatabase;
use refinery::Target;

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

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

/// Runs under way as the code before V8 left them: a window that is paged, and what lies before it still to come.
const UNDER_WAY: &str = "
    insert into sync_state (source, entity, mode, run_id, run_started, window_from, window_to, page_token, upper_bound, fence, updated_at)
    select source, entity, mode, run::uuid, '2026-05-01', \"from\"::timestamptz, '2026-05-01', token, '2026-05-01', 7, '2026-05-01'
    from (values
        ('stripe', 'charge', 'full', '00000000-0000-7000-8000-000000000001', '2026-04-01', 'ch_1'),
        ('stripe', 'refund', 'full', '00000000-0000-7000-8000-000000000002', null, null),
        ('stripe', 'event', 'incremental', '00000000-0000-7000-8000-000000000003', '2026-04-30', 'evt_1'),
        ('stripe', 'charge', 'reconcile', '00000000-0000-7000-8000-000000000004', '2026-04-01', 'ch_2'),
        ('stripe', 'refund', 'reconcile', '00000000-0000-7000-8000-000000000005', '2026-04-01', 're_2'),
        ('hubspot', 'deal', 'incremental', '00000000-0000-7000-8000-000000000006', '2026-04-01', 'id:1'))
        as under_way (source, entity, mode, run, \"from\", token);
    insert into reconciliations (run_id, phase, look) values
        ('00000000-0000-7000-8000-000000000004', 'listing', 1), ('00000000-0000-7000-8000-000000000005', 'mending', 2)";

#[tokio::test]
async fn full_runs_under_way_keep_their_page_and_what_lies_before_it_when_windows_come() {
    let database = TestDatabase::empty().await;
    let mut client = database.client().await;
    embedded::migrations::runner().set_target(Target::Version(7)).run_async(&mut client).await.unwrap();
    client.batch_execute(UNDER_WAY).await.unwrap();
    migrate(&database.database(2)).await.unwrap();

    let open: Vec<String> = database
        .scalar(
            "select array_agg(concat_ws(' ', entity, mode, number, window_from::date, window_to::date, page_token) \
             order by entity, mode) from sync_windows",
        )
        .await;
    assert_eq!(open, ["charge full 1 2026-04-01 2026-05-01 ch_1", "charge reconcile 1 2026-04-01 2026-05-01 ch_2"]);
    let stand: Vec<String> = database
        .scalar(
            "select array_agg(concat_ws(' ', source, entity, mode, coalesce(window_from::date::text, '-'), window_to::date, \
             coalesce(page_token, '-'), fence, lease_until > now()) order by run_id) from sync_state",
        )
        .await;
    let expected = [
        "stripe charge full - 2026-04-01 - 8 t",
        "stripe refund full - 2026-05-01 - 8 t",
        "stripe event incremental 2026-04-30 2026-05-01 evt_1 7 f",
        "stripe charge reconcile - 2026-04-01 - 8 t",
        "stripe refund reconcile 2026-04-01 2026-05-01 re_2 8 t",
        "hubspot deal incremental 2026-04-01 2026-05-01 id:1 7 f",
    ];
    assert_eq!(stand, expected);
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
        let error = client.batch_execute(&format!("update sync_state set run_id = {end}")).await.unwrap_err();
        assert_eq!(error.code().unwrap().code(), "23503", "{error}");
    }
    client.batch_execute("delete from sync_windows; update sync_state set run_id = null").await.unwrap();
}
