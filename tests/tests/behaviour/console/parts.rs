//! The parts of a page: of one snapshot, and none waits longer than two seconds.

use std::time::{Duration, Instant};

use penstock_domain::account::Role;
use penstock_tests::captured_log::CapturedLog;
use penstock_tests::test_app::TestApp;
use tokio_postgres::Client;

use super::acting::{World, get};
use super::html::{numbers, text};
use super::seeded::Seeded;
use crate::stripe_account::account;

/// Locks a table until the client commits.
async fn lock(world: &World, table: &str) -> Client {
    let client = world.app.db.client().await;
    client
        .batch_execute(&format!("begin; lock table {table} in access exclusive mode"))
        .await
        .unwrap();
    client
}

/// Returns once a statement of the console waits for a lock.
async fn waits(world: &World) {
    let client = world.app.db.client().await;
    let sql = "select count(*) from pg_stat_activity where datname = current_database() \
               and application_name = 'penstock' and wait_event_type = 'Lock'";
    for _ in 0..12_000 {
        if client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    }
    panic!("nothing waits");
}

/// The money of today on the overview, and the number of failures.
fn seen(html: &str) -> Vec<String> {
    let all = numbers(html).into_iter();
    let seen =
        all.filter(|it| it.api.starts_with("/metrics") || it.pointer.starts_with("/failures"));
    seen.map(|it| it.value).collect()
}

#[tokio::test]
async fn trap_62_all_numbers_of_a_page_are_of_one_moment() {
    let seeded = Seeded::new(17_061).await;
    let world = &seeded.world;
    let sql = "update payments set occurred_at = '2026-06-01T00:00:00Z' where kind = 'charge'";
    world.app.db.client().await.batch_execute(sql).await.unwrap();
    let before = seen(&seeded.page("/console").await);
    // The page has read what waits, and waits for the failures. Until it goes on, there are more of
    // those and more money. A statement of its own would see them.
    let other = lock(world, "failed_attempts").await;
    // The page waits for the commit alone: a busy machine may need seconds for the statements.
    let sql = "insert into dead_letters select (jsonb_populate_record(d, jsonb_build_object('id', gen_random_uuid(), \
                   'outbox_id', null, 'message_id', gen_random_uuid()::text))).* from dead_letters d; \
               update payments set amount = amount + 1000 where kind = 'charge'";
    other.batch_execute(sql).await.unwrap();
    let change = async {
        waits(world).await;
        other.batch_execute("commit").await.unwrap();
    };
    let (html, ()) = tokio::join!(seeded.page("/console"), change);
    assert!(!html.contains("class=\"slow\""), "{}", text(&html));
    assert_eq!(seen(&html), before, "it mixes two moments");
    assert_ne!(seen(&seeded.page("/console").await), before, "the change is seen afterwards");
}

#[tokio::test]
async fn a_part_that_is_too_slow_says_so_and_the_page_comes_with_the_others() {
    let seeded = Seeded::new(17_062).await;
    let world = &seeded.world;
    for (path, table, others) in [
        ("/console", "failed_attempts", "Money today"),
        ("/console/dead-letters", "failed_attempts", "One by one"),
        ("/console/revenue", "revenue_sums", "No reconciliation has ended yet"),
        ("/console/queues", "jobs", "Pending rows by age"),
    ] {
        let locked = lock(world, table).await;
        let (log, began) = (CapturedLog::start(), Instant::now());
        // The table is locked until the page is there.
        let page = tokio::time::timeout(Duration::from_secs(60), seeded.page(path));
        let html = page.await.expect("it does not wait for the lock");
        let took = began.elapsed();
        assert!(took > Duration::from_millis(1_900), "{path}: {took:?}");
        let log = log.text();
        // Each costs the page two seconds.
        let given_up = log.matches("Postgres has not answered within 2s").count();
        assert!((1..=2).contains(&given_up), "{path}: {log}");
        let shown = text(&html);
        assert!(shown.contains("This part took longer than 2 seconds."), "{path}: {shown}");
        assert!(shown.contains(others), "{path}: {shown}");
        locked.batch_execute("rollback").await.unwrap();
        let html = seeded.page(path).await;
        assert!(!html.contains("class=\"slow\""), "{path}: {}", text(&html));
    }
}

#[tokio::test]
async fn a_page_leaves_no_transaction_open_whatever_becomes_of_its_parts() {
    let seeded = Seeded::new(17_063).await;
    let world = &seeded.world;
    let sql = "select count(*) from pg_stat_activity where datname = current_database() and application_name = 'penstock' \
               and state <> 'idle'";
    for path in ["/console", "/console/revenue", "/console/dead-letters"] {
        seeded.page(path).await;
        let locked = lock(world, "dead_letters").await;
        seeded.page(path).await;
        locked.batch_execute("rollback").await.unwrap();
        // The browser has left before the page came.
        let request = get(path, Some(seeded.viewer.cookie()));
        let locked = lock(world, "revenue_settings").await;
        let left = tokio::time::timeout(Duration::from_millis(200), world.answer(&request)).await;
        drop(left);
        locked.batch_execute("rollback").await.unwrap();
        seeded.page(path).await;
    }
    let client = world.app.db.client().await;
    for _ in 0..6_000 {
        if client.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) == 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("a connection is not idle");
}

#[tokio::test]
async fn a_page_says_503_where_postgres_is_away_and_how_soon_to_come_again() {
    let world = World::over(TestApp::over(account(17_064, 1)).await);
    let viewer = world.person("vera", Role::Viewer).await;
    let mut console = world.console;
    console.database = penstock_store::Database::new(
        std::sync::Arc::new(penstock_store::StaticLogin(penstock_store::Login {
            port: 1,
            ..world.app.db.login_of("console")
        })),
        penstock_store::Tls::Disable,
        None,
        1,
    )
    .unwrap();
    use penstock_edge::http::Service as _;
    let reply = console.handle(&get("/console", Some(viewer.cookie())), "invocation").await;
    assert_eq!((reply.status_code, &reply.headers["retry-after"]), (503, &"5".parse().unwrap()));
    assert_eq!(reply.headers["content-type"], "text/html; charset=utf-8");
}
