//! Behaviour that a source may have and Stripe does not, over a made-up one (traps 12, 13, 15).

use std::time::Duration;

use fetch::{FetchError, Outcome};
use jiff::Timestamp;
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_tests::test_app::TestApp;

use crate::rolodex::{RolodexAccount, Server, connect};
use crate::stripe_account::account;

pub const HOUR: Duration = Duration::from_secs(3_600);

pub async fn test_app(seed: u64, people: usize) -> (TestApp, Server) {
    let mut app = TestApp::over(account(seed, 1)).await;
    let now = app.clock.now();
    let mut cards = RolodexAccount::default();
    for i in 0..people {
        cards.put(&format!("p{i:03}"), &format!("{i}@example.org"), now - HOUR);
        cards.put(&format!("e{i:03}"), if i % 2 == 0 { "day off" } else { "lunch" }, now - HOUR);
    }
    let server = connect(&mut app, cards, 10).await;
    (app, server)
}

pub async fn fetch(app: &TestApp, entity: &str, mode: Mode) -> Result<Outcome, FetchError> {
    let deadline = app.clock.now() + Duration::from_secs(86_400);
    app.fetch.serve(&FetchRequest::new("rolodex", entity, mode), deadline).await
}

/// Runs a run that must finish, and works everything off. Some time passes first.
pub async fn run(app: &TestApp, entity: &str, mode: Mode) {
    app.clock.advance(Duration::from_secs(60));
    let request = FetchRequest::new("rolodex", entity, mode);
    let outcome = app.serve_to_end(&request).await.unwrap();
    assert!(matches!(outcome, Outcome::Finished { .. }), "{outcome:?}");
    app.drain().await;
}

async fn lines(app: &TestApp, sql: &str) -> Vec<String> {
    let rows = app.db.client().await.query(sql, &[]).await.unwrap();
    rows.iter().map(|row| row.get(0)).collect()
}

pub async fn people(app: &TestApp) -> Vec<String> {
    lines(app, "select external_id || ' ' || email from contacts where deleted_at is null order by external_id").await
}

async fn entries(app: &TestApp) -> Vec<String> {
    let sql = "select external_id || ' ' || summary from calendar_events \
               where deleted_at is null and calendar_id = 'main' order by external_id";
    lines(app, sql).await
}

/// The ids of objects that have a tombstone.
pub async fn ghosts(app: &TestApp) -> Vec<String> {
    let sql = "select distinct external_id from outbox where version_key like 'gone:%' order by external_id";
    lines(app, sql).await
}

#[tokio::test]
async fn a_source_asked_by_post_is_drained_and_goes_on_from_the_cursor_its_full_run_was_given() {
    let (app, server) = test_app(80, 35).await;
    run(&app, "person", Mode::Full).await;
    run(&app, "entry", Mode::Full).await;
    assert_eq!(people(&app).await, server.account().truth('p'));
    assert_eq!(entries(&app).await, server.account().truth('e'));
    let all_day = "select count(*) from calendar_events where all_day and start_date + 1 = end_date and starts_at is null";
    assert_eq!(app.db.scalar::<i64>(all_day).await, 18);

    let now = app.clock.now();
    server.account().put("p007", "new@example.org", now);
    server.account().remove("p011", now);
    for i in 100..125 {
        server.account().put(&format!("p{i}"), "later@example.org", now);
    }
    server.account().requests.clear();
    run(&app, "person", Mode::Incremental).await;
    assert_eq!(people(&app).await, server.account().truth('p'));
    let asked = std::mem::take(&mut server.account().requests);
    assert_eq!(asked.len(), 3, "pages of changes, not of everything");
    assert!(asked.iter().all(|body| body.contains(r#""since":"sync-70""#)), "{asked:?}");
    assert!(ghosts(&app).await.is_empty(), "changes alone tell nothing of what vanished");

    // The next run continues where this one ended.
    run(&app, "person", Mode::Incremental).await;
    assert!(server.account().requests[0].contains(r#""since":"sync-97""#));
    app.db.assert_nothing_waits().await;
}

#[tokio::test]
async fn a_repeated_full_run_writes_no_row() {
    let (app, _server) = test_app(81, 25).await;
    let digest = "select md5(string_agg(c::text || xmin::text || ctid::text, ',' order by external_id)) from contacts c";
    run(&app, "person", Mode::Full).await;
    let before: String = app.db.scalar(digest).await;
    run(&app, "person", Mode::Full).await;
    assert_eq!(app.db.scalar::<String>(digest).await, before);
    assert!(ghosts(&app).await.is_empty());
}

#[tokio::test]
async fn trap_13_what_vanished_is_swept_after_the_full_list_succeeded_and_never_before() {
    let (app, server) = test_app(82, 35).await;
    run(&app, "person", Mode::Full).await;
    run(&app, "entry", Mode::Full).await;
    for id in ["p003", "p034", "e020"] {
        server.account().forget(id);
    }
    app.clock.advance(HOUR);
    // The vendor fails at each page in turn: no object is deleted before the last page has come.
    for page in 1..=4 {
        server.account().refuse(5, 500, "broken");
        fetch(&app, "person", Mode::Full).await.unwrap_err();
        app.end_rests().await;
        app.requests.take();
        app.drain().await;
        assert!(ghosts(&app).await.is_empty(), "page {page} has not come");
        assert_eq!(people(&app).await.len(), 35);
        // One page gets through before the next failure.
        server.account().on_request(let_through_one());
        let outcome = fetch(&app, "person", Mode::Full).await;
        server.account().on_request(|_, _| {});
        if page < 4 {
            outcome.unwrap_err();
            app.end_rests().await;
        } else {
            assert!(matches!(outcome, Ok(Outcome::Finished { .. })), "{outcome:?}");
        }
    }
    app.drain().await;
    assert_eq!(ghosts(&app).await, ["p003", "p034"], "entries are another list's");
    assert_eq!(people(&app).await, server.account().truth('p'));
    let kept = "select count(*) from contacts where deleted_at is not null and email is null";
    assert_eq!(app.db.scalar::<i64>(kept).await, 2, "marked, not dropped");
    assert_eq!(
        app.db
            .scalar::<i64>("select count(distinct id) from sync_runs where entity = 'person'")
            .await,
        2
    );

    run(&app, "entry", Mode::Full).await;
    assert_eq!(ghosts(&app).await, ["e020", "p003", "p034"]);
    assert_eq!(entries(&app).await, server.account().truth('e'));
    run(&app, "person", Mode::Full).await;
    assert_eq!(ghosts(&app).await.len(), 3, "a ghost is swept once");
    app.db.assert_nothing_waits().await;
}

/// Lets the first request through, and breaks the next ones.
fn let_through_one() -> impl FnMut(usize, &mut RolodexAccount) + Send {
    let mut seen = 0;
    move |_, account| {
        seen += 1;
        if seen == 2 {
            account.refuse(5, 500, "broken");
        }
    }
}

#[tokio::test]
async fn another_calendar_of_the_same_source_is_not_swept() {
    let (app, _server) = test_app(83, 5).await;
    run(&app, "entry", Mode::Full).await;
    let client = app.db.client().await;
    client
        .batch_execute(
            "update calendar_events set calendar_id = 'other' where external_id = 'e001'",
        )
        .await
        .unwrap();
    run(&app, "entry", Mode::Full).await;
    assert!(ghosts(&app).await.is_empty());
}

/// An object vanishes, and comes back once the vendor has said that it is gone. It stays, whichever
/// row is processed first.
async fn reappears_after_its_tombstone(seed: u64, tombstone_first: bool) {
    let (app, server) = test_app(seed, 35).await;
    run(&app, "person", Mode::Full).await;
    server.account().forget("p003");
    app.clock.advance(HOUR);
    fetch(&app, "person", Mode::Full).await.unwrap();
    assert!(ghosts(&app).await.is_empty(), "the list alone buries nothing");
    let by_id = serde_json::from_str(&app.requests.take()[0]).unwrap();
    app.fetch.serve(&by_id, app.clock.now() + HOUR).await.unwrap();
    assert_eq!(ghosts(&app).await, ["p003"]);
    let sweeps = app.tickets.take();
    // The tombstone carries the date of the vendor's reply, which is the real one.
    let later = SystemClock.now() + Duration::from_secs(60);
    server.account().put("p003", "again@example.org", later);
    fetch(&app, "person", Mode::Incremental).await.unwrap();
    let changes = app.tickets.take();
    let (first, then) = if tombstone_first { (sweeps, changes) } else { (changes, sweeps) };
    for bodies in [first, then] {
        assert_eq!(app.deliver(&bodies, 1).await.failures(), 0);
    }
    assert_eq!(people(&app).await, server.account().truth('p'));
}

#[tokio::test]
async fn trap_13_who_reappears_with_a_newer_version_outlives_the_sweep() {
    reappears_after_its_tombstone(84, true).await;
    reappears_after_its_tombstone(85, false).await;
}

#[tokio::test]
async fn trap_13_who_was_seen_by_another_pull_since_the_run_began_is_no_ghost() {
    let (app, server) = test_app(86, 35).await;
    run(&app, "person", Mode::Full).await;
    app.clock.advance(HOUR);
    // Page 1 has been read. Then the changes report an object on it, with a stamp from before the
    // run.
    let old: Timestamp = app.clock.now() - Duration::from_secs(60);
    server.account().forget("p003");
    server.account().on_request(let_through_one());
    fetch(&app, "person", Mode::Full).await.unwrap_err();
    server.account().on_request(|_, _| {});
    server.account().put("p003", "restored@example.org", old);
    fetch(&app, "person", Mode::Incremental).await.unwrap();
    fetch(&app, "person", Mode::Full).await.unwrap();
    app.drain().await;
    assert!(ghosts(&app).await.is_empty());
    assert_eq!(people(&app).await, server.account().truth('p'));
}
