//! `relay` deletes the rows of connections that are erased.

use std::time::Duration;

use penstock_domain::clock::Clock as _;
use penstock_store::{begin, commit, connections};
use penstock_testkit::filled::{drift, fill, rows_of};
use penstock_tests::captured_log::CapturedLog;
use penstock_tests::test_app::TestApp;
use relay::{RelayError, Retention, Round};

use crate::stripe_account::account;

const QUARTER: Duration = Duration::from_secs(15 * 60);

/// Two connections with the same ids, `stripe` and `stripe-eu`, of which the second is removed.
async fn filled(rows: u32) -> TestApp {
    let mut app = TestApp::over(account(900, 1)).await;
    let ever = ["OUTBOX", "DEAD_LETTER", "RUN"]
        .map(|of| (format!("{of}_RETENTION_DAYS"), "9000".to_owned()));
    app.relay.retention = Retention::from_env(&ever.into_iter().collect()).unwrap();
    let client = app.db.client().await;
    for name in ["stripe", "stripe-eu"] {
        fill(&client, name, rows).await;
    }
    client.batch_execute("select fold_revenue_deltas(1000000)").await.unwrap();
    let made = "insert into connections (name, source, key_secret, state, made_at, changed_at) \
                values ('stripe-eu', 'stripe', 'a/key', 'active', now(), now())";
    client.batch_execute(made).await.unwrap();
    remove(&app, false).await;
    app
}

async fn remove(app: &TestApp, erase: bool) {
    let admin = app.db.database_of("admin", 1);
    let mut connection = admin.connection().await.unwrap();
    let tx = begin(&mut connection).await.unwrap();
    let now = app.clock.now();
    connections::remove(&tx, "stripe-eu", erase, now).await.unwrap().unwrap();
    commit(tx).await.unwrap();
}

async fn round(app: &TestApp) -> Round {
    app.relay.run_once(app.relay_deadline()).await.unwrap()
}

async fn state(app: &TestApp) -> String {
    let sql = "select concat_ws(' ', state, key_secret) from connections where name = 'stripe-eu'";
    app.db.scalar(sql).await
}

async fn rows(app: &TestApp, name: &str) -> i64 {
    rows_of(&app.db.client().await, name).await.into_iter().map(|(_, rows)| rows).sum()
}

async fn late_row(app: &TestApp) {
    let sql = "insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, \
                                   next_attempt_at, received_at) \
               values (gen_random_uuid(), 'stripe-eu', 'charge', 'late', 'v', $1, '{}', 'application/json', $1, $1)";
    app.db.client().await.execute(sql, &[&app.clock.now()]).await.unwrap();
}

#[tokio::test]
async fn a_removed_connection_keeps_its_rows_and_an_erased_one_loses_all_of_them() {
    let app = filled(2_500).await;
    let client = app.db.client().await;
    let (own, others) = (rows(&app, "stripe-eu").await, rows(&app, "stripe").await);
    assert!(own > 10_000);
    assert_eq!(round(&app).await.erased, 0);
    assert_eq!((rows(&app, "stripe-eu").await, rows(&app, "stripe").await), (own, others));

    remove(&app, true).await;
    let log = CapturedLog::start();
    let erased = round(&app).await.erased;
    assert!(erased > 10_000, "{erased}");
    // What the counts name once each: windows, reconciliations, and sums that are empty only now.
    assert_eq!((rows(&app, "stripe").await, drift(&client).await), (others, vec![]));
    let line = log.text().lines().find(|line| line.contains("\"erasing\"")).map(str::to_owned);
    let line = line.expect("a line");
    assert!(line.contains("\"connection\":\"stripe-eu\""), "{line}");
    assert!(
        line.contains(&format!("\"rows\":{erased}")) && line.contains("\"tables_left\":\"\""),
        "{line}"
    );

    // Functions that took it for active may still write.
    round(&app).await;
    assert_eq!((rows(&app, "stripe-eu").await, state(&app).await), (0, "erasing a/key".into()));
    late_row(&app).await;
    app.clock.advance(QUARTER);
    assert_eq!((round(&app).await.erased, state(&app).await), (1, "erasing a/key".into()));
    assert_eq!((round(&app).await.erased, state(&app).await), (0, "erased".into()));
    assert!(log.text().contains("\"event\":\"erased\""), "{}", log.text());

    // A webhook that had waited in a queue for days.
    app.clock.advance(100 * QUARTER);
    late_row(&app).await;
    assert_eq!((round(&app).await.erased, rows(&app, "stripe-eu").await), (1, 0));
    assert_eq!((rows(&app, "stripe").await, state(&app).await), (others, "erased".into()));
    assert_eq!(drift(&client).await, Vec::<String>::new());
}

#[tokio::test]
async fn rows_of_a_connection_that_is_erased_get_no_tickets_and_no_alarm() {
    let app = filled(1).await;
    let waiting = "update outbox set error_kind = 'waiting' where external_id = 'late'";
    late_row(&app).await;
    app.clock.advance(QUARTER);
    let before = round(&app).await;
    assert_eq!((before.ticketed, before.oldest_pending_s), (1, 900), "it may yet be processed");
    app.tickets.take();
    // Nobody will say any more whose it is.
    app.db.client().await.batch_execute(waiting).await.unwrap();
    app.clock.advance(QUARTER);
    let waits = round(&app).await;
    assert_eq!((waits.ticketed, waits.oldest_pending_s), (1, 0));
    app.clock.advance(QUARTER);
    app.db.client().await.batch_execute("update connections set state = 'erasing'").await.unwrap();
    let erasing = round(&app).await;
    assert_eq!((erasing.ticketed, erasing.oldest_pending_s), (0, 0));
    assert_eq!(rows(&app, "stripe-eu").await, 0);
}

#[tokio::test]
async fn a_round_without_time_leaves_the_rows_to_the_next() {
    let app = filled(100).await;
    remove(&app, true).await;
    let own = rows(&app, "stripe-eu").await;
    let log = CapturedLog::start();
    let no_time = app.clock.now() + Duration::from_secs(10);
    assert_eq!(app.relay.run_once(no_time).await.unwrap().erased, 0);
    assert_eq!((rows(&app, "stripe-eu").await, state(&app).await), (own, "erasing a/key".into()));
    assert!(log.text().contains("\"tables_left\":\"sync_state, "), "{}", log.text());
    round(&app).await;
    assert_eq!(rows(&app, "stripe-eu").await, 0);
}

#[tokio::test]
async fn a_round_that_dies_anywhere_leaves_sums_that_are_right_and_work_for_the_next() {
    let app = filled(4_000).await;
    let client = app.db.client().await;
    remove(&app, true).await;
    let (mut patience, mut deaths) = (Duration::from_millis(20), 0);
    loop {
        let deadline = app.relay_deadline();
        if tokio::time::timeout(patience, app.relay.run_once(deadline)).await.is_ok() {
            break;
        }
        deaths += 1;
        patience += Duration::from_millis(20);
        assert_eq!(drift(&client).await, Vec::<String>::new(), "after {deaths} deaths");
    }
    assert!(deaths > 2, "{deaths}");
    app.clock.advance(QUARTER);
    round(&app).await;
    round(&app).await;
    assert_eq!((rows(&app, "stripe-eu").await, state(&app).await), (0, "erased".into()));
    assert_eq!(drift(&client).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_table_that_cannot_be_erased_stops_no_other_and_fails_the_round() {
    let app = filled(50).await;
    remove(&app, true).await;
    let fault = "create function fault() returns trigger language plpgsql as $$ begin raise exception 'no'; end $$; \
                 create trigger fault before delete on contacts for each statement execute function fault()";
    app.db.client().await.batch_execute(fault).await.unwrap();
    app.clock.advance(QUARTER);
    for _ in 0..3 {
        let error = app.relay.run_once(app.relay_deadline()).await.unwrap_err();
        assert!(matches!(error, RelayError::NotPurged(_)));
        assert_eq!(error.to_string(), "not purged: contacts of stripe-eu");
    }
    assert_eq!(state(&app).await, "erasing a/key");
    let left = rows_of(&app.db.client().await, "stripe-eu").await;
    let tables: Vec<&str> = left.iter().map(|(table, _)| table.as_str()).collect();
    // Letters are searched for once all else is gone. Folding has emptied the sums.
    assert_eq!(tables, ["contacts", "dead_letters"]);
    app.db.client().await.batch_execute("drop trigger fault on contacts").await.unwrap();
    round(&app).await;
    round(&app).await;
    assert_eq!((rows(&app, "stripe-eu").await, state(&app).await), (0, "erased".into()));
}
