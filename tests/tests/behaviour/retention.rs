//! No table grows for ever unless a page says why: each has a retention.

use std::collections::BTreeSet;
use std::time::Duration;

use penstock_domain::clock::Clock as _;
use penstock_domain::config::Env;
use penstock_domain::fetch_request::Mode;
use penstock_testkit::TestDatabase;
use penstock_tests::captured_log::CapturedLog;
use penstock_tests::repository::root;
use penstock_tests::test_app::TestApp;
use relay::Retention;

use crate::ingest::post;
use crate::stripe_account::account;

const DAY: Duration = Duration::from_secs(86_400);

/// The names in the first column of the page's table of tables.
fn declared() -> BTreeSet<String> {
    let page = std::fs::read_to_string(root().join("docs/OPERATIONS.md")).unwrap();
    let (_, section) = page.split_once("\n## Retention\n").unwrap();
    let section = section.split("\n| elsewhere ").next().unwrap();
    let rows = section.lines().filter_map(|row| row.strip_prefix("| ")?.split('|').next());
    let names = rows.flat_map(|cell| cell.split('`').skip(1).step_by(2));
    names.map(str::to_owned).collect()
}

#[tokio::test]
async fn every_table_has_a_retention_or_a_reason_on_the_page_of_operations() {
    let database = TestDatabase::new().await;
    let sql = "select relname::text from pg_class where relkind in ('r', 'p') and not relispartition \
               and relnamespace = 'public'::regnamespace";
    let rows = database.client().await.query(sql, &[]).await.unwrap();
    let tables: BTreeSet<String> = rows.iter().map(|row| row.get(0)).collect();
    assert_eq!(declared(), tables);
}

async fn count(app: &TestApp, table: &str) -> i64 {
    app.db.scalar(&format!("select count(*) from {table}")).await
}

/// Runs `relay` this many days after now.
async fn relay_later(app: &TestApp, days: u32) -> u64 {
    app.clock.advance(days * DAY);
    app.relay.run_once(app.relay_deadline()).await.unwrap().purged
}

#[tokio::test]
async fn a_dead_letter_goes_with_its_row_after_its_retention_and_a_line_says_how_many() {
    let app = TestApp::over(account(870, 3)).await;
    // Two rows that nothing can be made of: of the charge an older version would count.
    let sql = "insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, \
                                   next_attempt_at, received_at) \
               select gen_random_uuid(), 'stripe', entity, 'x_1', 'v', $1, 'no JSON', 'text/plain', $1, $1 \
               from unnest('{charge,customer.tax_id}'::text[]) as entity";
    app.db.client().await.execute(sql, &[&app.clock.now()]).await.unwrap();
    let kill = "update outbox set status = 'dead'";
    app.db.client().await.batch_execute(kill).await.unwrap();
    let letters = "insert into dead_letters (id, source, entity, external_id, outbox_id, payload, error, error_kind, \
                                             attempts, created_at) \
                   select gen_random_uuid(), source, entity, external_id, id, payload, 'e', 'malformed', 1, $1 from outbox";
    app.db.client().await.execute(letters, &[&app.clock.now()]).await.unwrap();
    let unreadable = "insert into payments (source, kind, external_id, amount, currency, status, raw_status, \
                          occurred_at, version_at, native, version_rank, content_hash, raw, outbox_id, updated_at) \
                      select source, entity, external_id, 0, 'USD', 'unreadable', '', $1, $1, true, 0, 0, '', id, $1 \
                      from outbox where entity = 'charge'";
    app.db.client().await.execute(unreadable, &[&app.clock.now()]).await.unwrap();
    assert_eq!(relay_later(&app, 399).await, 0);
    assert_eq!((count(&app, "dead_letters").await, count(&app, "outbox").await), (2, 2));
    let log = CapturedLog::start();
    assert_eq!(relay_later(&app, 2).await, 1);
    let line =
        log.text().lines().find(|line| line.contains("dead_letters_purged")).map(str::to_owned);
    let line = line.expect("a line");
    assert!(line.contains("\"letters\":1") && line.contains("WARN"), "{line}");
    assert_eq!(app.db.scalar::<String>("select entity from dead_letters").await, "charge");
    assert_eq!(app.db.scalar::<String>("select entity from outbox").await, "charge");
}

#[tokio::test]
async fn runs_go_after_their_retention_and_the_newest_good_one_of_each_pull_stays() {
    let app = TestApp::over(account(871, 30)).await;
    for _ in 0..3 {
        app.fetch("charge", Mode::Full).await.unwrap();
        app.drain().await;
        app.clock.advance(DAY);
    }
    app.fetch("charge", Mode::Reconcile).await.unwrap();
    app.drain().await;
    let request = "insert into run_requests (id, source, mode, entities, requested_at) \
                   values (gen_random_uuid(), 'stripe', 'full', '{charge}', $1)";
    app.db.client().await.execute(request, &[&app.clock.now()]).await.unwrap();
    let runs = "sync_runs where mode = 'full'";
    let all = count(&app, runs).await;
    assert!(all >= 3);
    relay_later(&app, 390).await;
    assert_eq!(count(&app, runs).await, all, "not yet");
    relay_later(&app, 30).await;
    assert_eq!(count(&app, runs).await, 1);
    assert_eq!(count(&app, "run_requests").await, 0);
    // The only reconciliation stays with its run, and goes when a newer one has succeeded.
    assert_eq!(count(&app, "reconciliations").await, 1);
    app.fetch("charge", Mode::Reconcile).await.unwrap();
    app.drain().await;
    relay_later(&app, 1).await;
    assert_eq!(count(&app, "reconciliations").await, 1);
    assert_eq!(count(&app, "sync_runs where mode = 'reconcile'").await, 1);
}

#[tokio::test]
async fn leads_and_events_are_kept_for_ever_unless_a_retention_is_set() {
    let mut app = TestApp::over(account(872, 1)).await;
    app.let_in().await;
    post(&app.ingest, "/leads", &[], br#"{"email":"a@example.com"}"#).await;
    let events = br#"{"eventId":"e","userId":"u","sessionId":"s","type":"t","payload":{}}"#;
    post(&app.ingest, "/events", &[], events).await;
    app.drain().await;
    assert_eq!((count(&app, "leads").await, count(&app, "events").await), (1, 1));
    relay_later(&app, 3_000).await;
    assert_eq!((count(&app, "leads").await, count(&app, "events").await), (1, 1));
    let days = [("LEAD_RETENTION_DAYS", "3001"), ("EVENT_RETENTION_DAYS", "2900")];
    app.relay.retention = Retention::from_env(&days.into_iter().collect::<Env>()).unwrap();
    relay_later(&app, 0).await;
    assert_eq!((count(&app, "leads").await, count(&app, "events").await), (1, 0));
    relay_later(&app, 2).await;
    assert_eq!(count(&app, "leads").await, 0);
}

#[test]
fn a_retention_that_would_delete_everything_at_once_is_refused() {
    for name in ["OUTBOX_RETENTION_DAYS", "DEAD_LETTER_RETENTION_DAYS", "RUN_RETENTION_DAYS"] {
        for days in ["0", "-1", "a year"] {
            let env: Env = [(name, days)].into_iter().collect();
            assert!(Retention::from_env(&env).is_err(), "{name} {days}");
        }
    }
    let none: Env = std::iter::empty::<(String, String)>().collect();
    assert_eq!(Retention::from_env(&none).unwrap(), Retention::default());
}
