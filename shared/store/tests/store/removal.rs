//! The removal of connections: what ends with it, and what stays.

use jiff::Timestamp;
use penstock_domain::connection::State;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::RunId;
use penstock_domain::paging::Position;
use penstock_store::connections::{self, Removal, removal};
use penstock_store::sync_state::pending::{self, Unless};
use penstock_store::sync_state::{self, Key, RunUnderWay, windows};
use penstock_store::{Database, StoreError, begin, commit, refetch, run_requests, sync_runs};
use penstock_testkit::TestDatabase;

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn noon() -> Timestamp {
    at("2026-03-01T12:00:00Z")
}

/// Connections of these names in these states; `platform.acct_1` is an account of `platform`.
async fn with_connections(all: &[(&str, &str)]) -> TestDatabase {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let sql = "insert into connections (name, source, parent, account, state, made_at, changed_at) \
               select $1, 'stripe', split_part($1, '.', 1), split_part($1, '.', 2), $2, now(), now() \
               where $1 like '%.%' \
               union all select $1, 'stripe', null, null, $2, now(), now() where $1 not like '%.%'";
    for (name, state) in all {
        client.execute(sql, &[name, state]).await.unwrap();
    }
    database
}

async fn remove(pool: &Database, name: &str, erase: bool) -> Option<Removal> {
    let mut connection = pool.connection().await.unwrap();
    let tx = begin(&mut connection).await.unwrap();
    let removal = connections::remove(&tx, name, erase, noon()).await.unwrap();
    commit(tx).await.unwrap();
    removal
}

async fn states(database: &TestDatabase) -> Vec<String> {
    let sql =
        "select array_agg(name || ' ' || state || ' ' || revision order by name) from connections";
    database.scalar(sql).await
}

#[tokio::test]
async fn each_state_may_become_what_the_rule_says_and_twice_is_once() {
    for (from, erase, to) in [
        ("active", false, State::Removed),
        ("paused", false, State::Removed),
        ("removed", false, State::Removed),
        ("erasing", false, State::Erasing),
        ("erased", false, State::Erased),
        ("active", true, State::Erasing),
        ("paused", true, State::Erasing),
        ("removed", true, State::Erasing),
        ("erasing", true, State::Erasing),
        ("erased", true, State::Erased),
    ] {
        let database = with_connections(&[("stripe-eu", from), ("other", "active")]).await;
        let pool = database.database_of("admin", 1);
        let changed = if from == to.as_str() { vec![] } else { vec!["stripe-eu".to_owned()] };
        let revision = 1 + changed.len();
        let removal = remove(&pool, "stripe-eu", erase).await;
        assert_eq!(removal, Some(Removal { state: to, changed }), "{from} {erase}");
        let again = remove(&pool, "stripe-eu", erase).await;
        assert_eq!(again, Some(Removal { state: to, changed: vec![] }), "{from} {erase}");
        let stand =
            [String::from("other active 1"), format!("stripe-eu {} {revision}", to.as_str())];
        assert_eq!(states(&database).await, stand);
        assert_eq!(remove(&pool, "nobody", erase).await, None);
    }
}

#[tokio::test]
async fn accounts_go_with_the_connection_that_reads_them() {
    let all =
        [("platform", "active"), ("platform.acct_1", "active"), ("platform.acct_2", "paused")];
    let gone = [("platform.acct_3", "removed"), ("platform.acct_4", "erased")];
    let database = with_connections(&[&all[..], &gone[..]].concat()).await;
    let pool = database.database_of("admin", 1);
    let removal = remove(&pool, "platform", false).await.unwrap();
    assert_eq!(removal.changed, ["platform", "platform.acct_1", "platform.acct_2"]);
    let removal = remove(&pool, "platform", true).await.unwrap();
    let erasing = ["platform", "platform.acct_1", "platform.acct_2", "platform.acct_3"];
    assert_eq!(removal.changed, erasing);
    assert!(states(&database).await.contains(&"platform.acct_4 erased 1".to_owned()));
    // An account may also go alone.
    let database = with_connections(&all).await;
    let removal = remove(&database.database_of("admin", 1), "platform.acct_1", true).await.unwrap();
    assert_eq!(removal.changed, ["platform.acct_1"]);
}

#[tokio::test]
async fn a_connection_of_the_template_gets_a_row_that_says_so() {
    let database = with_connections(&[]).await;
    let removal = remove(&database.database_of("admin", 1), "gcal", false).await.unwrap();
    assert_eq!(removal, Removal { state: State::Removed, changed: vec!["gcal".to_owned()] });
    let row: String = database.scalar("select source || ' ' || state from connections").await;
    assert_eq!(row, "gcal removed");
}

/// Has a run of charges under way, with a window, and runs of refunds and disputes requested.
async fn busy(database: &TestDatabase, source: &str) -> (sync_state::Lease, RunUnderWay) {
    let pool = database.database_of("fetch", 1);
    let mut connection = pool.connection().await.unwrap();
    let entities = ["charge", "dispute", "refund"];
    let why = Some("somebody asked");
    pending::request(&**connection, source, &entities, Mode::Full, why, Unless::Never, noon())
        .await
        .unwrap();
    let key = Key { source, entity: "charge", mode: Mode::Full };
    let until = at("2026-03-01T12:02:00Z");
    let begun = at("2026-03-01T12:00:01Z");
    let lease = sync_state::acquire(&**connection, key, begun, until).await.unwrap().unwrap();
    let position = Position { from: None, to: begun, token: None };
    let run = RunUnderWay::begun(begun, position.clone(), begun);
    let tx = begin(&mut connection).await.unwrap();
    sync_runs::begin(&tx, run.id, key, None, None, begun).await.unwrap();
    sync_state::advance(&tx, key, &lease, &run, begun, until).await.unwrap();
    let window = sync_state::Window { number: 1, position };
    windows::open(&tx, key, &lease, &window).await.unwrap();
    let objects = [(source, "charge", "ch_1")];
    refetch::request(&tx, &objects, refetch::Cause::Pushed, begun, begun).await.unwrap();
    commit(tx).await.unwrap();
    let others = format!(
        "insert into vendor_accounts (source, livemode, asked_at) values ('{source}', true, '2026-03-01'); \
         insert into push_channels values ('{source}', 'c', 's', 'r', 'a', now(), now()); \
         insert into held_sweeps values ('{source}', 'deal', '{0}', 1, 1, now(), now())",
        run.id
    );
    database.client().await.batch_execute(&others).await.unwrap();
    (lease, run)
}

/// How many rows of `source` these tables have together.
async fn rows(database: &TestDatabase, source: &str) -> i64 {
    let tables = ["sync_windows", "push_channels", "held_sweeps", "refetch_requests"];
    let counts = tables.map(|t| format!("(select count(*) from {t} where source = '{source}')"));
    database.scalar(&format!("select {}", counts.join(" + "))).await
}

#[tokio::test]
async fn a_removal_ends_what_is_under_way_and_leaves_other_connections_alone() {
    let database = with_connections(&[("stripe-eu", "active"), ("other", "active")]).await;
    let (lease, run) = busy(&database, "stripe-eu").await;
    let (others_lease, others_run) = busy(&database, "other").await;
    let key = |source| Key { source, entity: "charge", mode: Mode::Full };
    remove(&database.database_of("admin", 1), "stripe-eu", false).await.unwrap();

    assert_eq!((rows(&database, "stripe-eu").await, rows(&database, "other").await), (0, 4));
    let reports = "select array_agg(concat_ws(' ', entity, status, last_error) order by entity) \
                   from sync_runs where source = 'stripe-eu'";
    let ended = ["charge", "dispute", "refund"];
    let ended = ended.map(|entity| format!("{entity} failed {}", removal::REASON));
    assert_eq!(database.scalar::<Vec<String>>(reports).await, ended);
    let kept = "select count(*) from sync_state where source = 'stripe-eu' and run_id is null \
                and requested_at is null and watermark is null and halted is null";
    assert_eq!(database.scalar::<i64>(kept).await, 3);

    // Whoever had the lease has lost it; the other connection's has not.
    let pool = database.database_of("fetch", 1);
    let mut connection = pool.connection().await.unwrap();
    let tx = begin(&mut connection).await.unwrap();
    let moved = sync_state::advance(&tx, key("stripe-eu"), &lease, &run, noon(), noon()).await;
    assert!(matches!(moved, Err(StoreError::FenceLost(_))), "{moved:?}");
    let (key, lease, run) = (key("other"), &others_lease, &others_run);
    sync_state::advance(&tx, key, lease, run, noon(), noon()).await.unwrap();
}

#[tokio::test]
async fn relay_asks_for_nothing_of_a_connection_that_is_not_active() {
    for state in ["active", "paused", "removed", "erasing", "erased"] {
        let database = with_connections(&[("stripe-eu", state), ("other", "active")]).await;
        busy(&database, "stripe-eu").await;
        busy(&database, "other").await;
        let relay = database.database_of("relay", 1);
        let connection = relay.connection().await.unwrap();
        let later = at("2026-03-01T13:00:00Z");
        let runs = pending::stalled(&**connection, later, later).await.unwrap();
        let refetches = refetch::due(&**connection, later).await.unwrap();
        let mut asked: Vec<_> = runs.iter().map(|run| run.source.as_str()).collect();
        asked.extend(refetches.iter().map(|refetch| refetch.source.as_str()));
        let of = |name| asked.iter().filter(|source| **source == name).count();
        assert_eq!((of("stripe-eu"), of("other")), (if state == "active" { 4 } else { 0 }, 4));
    }
}

#[tokio::test]
async fn a_request_that_no_run_will_serve_is_answered_by_a_report_that_failed() {
    let database = with_connections(&[("stripe-eu", "active")]).await;
    let request = RunId::new(noon());
    let sql = "insert into run_requests (id, source, mode, entities, requested_at) \
               values ($1, 'stripe-eu', 'full', '{refund}', $2)";
    database.client().await.execute(sql, &[&request.0, &noon()]).await.unwrap();
    busy(&database, "stripe-eu").await;
    remove(&database.database_of("admin", 1), "stripe-eu", false).await.unwrap();
    let metrics = database.database_of("metrics", 1);
    let connection = metrics.connection().await.unwrap();
    let answer = run_requests::find(&**connection, request.0).await.unwrap().unwrap();
    let served = answer.parts[0].run.as_ref().unwrap();
    assert_eq!(served.last_error.as_deref(), Some(removal::REASON));
}
