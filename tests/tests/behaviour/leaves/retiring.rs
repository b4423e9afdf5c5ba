//! Leaves come a week ahead and go after the retention.

use penstock_domain::clock::Clock;
use penstock_domain::config::Env;
use penstock_tests::captured_log::CapturedLog;

use super::{DAY, app_by_day, leaves, rows, today};
use crate::left_behind::{NO_LIMITS, limit, until_it_waits};
use crate::process::batches::{charge, put};

/// Stores and processes a row.
async fn one_row(app: &penstock_tests::test_app::TestApp, id: &str) {
    put(app, &[(id.to_owned(), charge(id, "100", "succeeded"))]).await;
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    app.drain().await;
}

#[tokio::test]
async fn relay_makes_leaves_a_week_ahead_and_catches_up_after_a_week_in_which_it_was_dead() {
    let app = app_by_day(540, &[]).await;
    let log = CapturedLog::start();
    for (days, new) in [(0_u32, 0), (1, 1), (7, 7), (20, 8)] {
        let known = leaves(&app).await.len();
        app.clock.advance(days * DAY);
        let round = app.relay.run_once(app.relay_deadline()).await.unwrap();
        assert_eq!(round.partition_days_ahead, 7, "after {days} days");
        assert_eq!(leaves(&app).await.len(), known + new, "after {days} days");
        one_row(&app, &format!("ch_{days}")).await;
    }
    assert!(log.text().contains("\"partition_days_ahead\":7"));
}

#[tokio::test]
async fn a_row_of_a_day_without_a_leaf_is_an_error_until_relay_has_made_one() {
    let app = app_by_day(541, &[]).await;
    app.clock.advance(9 * DAY);
    let id = format!("outbox_id_at('{}')", app.clock.now());
    let row = format!(
        "insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, \
                             next_attempt_at, received_at) \
         values ({id}, 'stripe', 'charge', 'x', 'v', now(), '', '', now(), now())"
    );
    let refused = app.db.client().await.batch_execute(&row).await.unwrap_err();
    assert_eq!(refused.code().map(tokio_postgres::error::SqlState::code), Some("23514"));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    app.db.client().await.batch_execute(&row).await.unwrap();
}

#[tokio::test]
async fn two_relays_at_once_make_each_leaf_once() {
    let app = app_by_day(542, &[]).await;
    let other = relay_of(&app);
    for _ in 0..5 {
        app.clock.advance(8 * DAY);
        let (one, two) = tokio::join!(
            app.relay.run_once(app.relay_deadline()),
            other.run_once(app.relay_deadline())
        );
        // One may have found a leaf that the other was about to make: its next round has it.
        assert!(one.unwrap().partition_days_ahead.max(two.unwrap().partition_days_ahead) == 7);
        let mut known = leaves(&app).await;
        assert!(known.contains(&today(&app)));
        known.dedup();
        assert_eq!(known, leaves(&app).await);
    }
}

type Relay = relay::Ports<penstock_tests::clock::TestClock, penstock_testkit::MemoryQueue>;

fn relay_of(app: &penstock_tests::test_app::TestApp) -> Relay {
    relay::Ports {
        database: app.db.database_of("relay", 1),
        tickets: app.tickets.clone(),
        requests: app.requests.clone(),
        transactions: app.relay.transactions.clone(),
        depths: app.relay.depths.clone(),
        retention: app.relay.retention.clone(),
        sources: app.relay.sources.clone(),
        clock: app.clock.clone(),
    }
}

#[tokio::test]
async fn a_leaf_goes_after_its_retention_and_one_with_pending_or_dead_rows_stays_as_long_as_they() {
    let app = app_by_day(543, &[]).await;
    let mut days = Vec::new();
    for id in ["ch_processed", "ch_pending", "ch_dead"] {
        for other in ["_1", "_2"] {
            one_row(&app, &format!("{id}{other}")).await;
        }
        days.push(today(&app));
        app.pass_days(1).await;
    }
    let client = app.db.client().await;
    let odd = "update outbox set status = 'pending', next_attempt_at = 'infinity' where external_id = 'ch_pending_1'; \
               update outbox set status = 'dead' where external_id = 'ch_dead_1'; \
               insert into dead_letters (id, source, entity, external_id, outbox_id, payload, error, error_kind, attempts, \
                                         created_at) \
               select gen_random_uuid(), source, entity, external_id, id, payload, 'e', 'malformed', 1, received_at \
               from outbox where status = 'dead'";
    client.batch_execute(odd).await.unwrap();
    app.pass_days(32).await;
    assert_eq!(rows(&app).await, 6, "nothing is old enough");
    app.pass_days(5).await;
    let (kept, left) = (leaves(&app).await, rows(&app).await);
    assert_eq!(days.iter().map(|day| kept.contains(day)).collect::<Vec<_>>(), [false, true, true]);
    assert_eq!(left, 2, "of a leaf that stays the processed rows go one by one");
    client
        .batch_execute("update outbox set status = 'processed' where status = 'pending'")
        .await
        .unwrap();
    app.pass_days(1).await;
    assert!(!leaves(&app).await.contains(&days[1]));
    app.clock.advance(365 * DAY);
    app.pass_days(2).await;
    assert!(!leaves(&app).await.contains(&days[2]), "it went with its dead letter");
    assert_eq!(rows(&app).await, 0);
}

#[tokio::test]
async fn a_leaf_that_is_in_use_is_left_for_the_next_round_and_delays_nobody() {
    let app = app_by_day(544, &[]).await;
    one_row(&app, "ch_old").await;
    let day = today(&app);
    app.clock.advance(35 * DAY);
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    app.clock.advance(DAY);
    let holder = app.db.client().await;
    let read = format!("begin; select count(*) from {day}");
    holder.batch_execute(&read).await.unwrap();
    let log = CapturedLog::start();
    // Rows are stored and processed meanwhile, and relay's round goes on.
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    one_row(&app, "ch_new").await;
    assert!(log.text().contains("leaf_busy") && leaves(&app).await.contains(&day));
    assert_eq!(rows(&app).await, 2, "its rows go with it");
    holder.batch_execute("commit").await.unwrap();
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    assert!(!leaves(&app).await.contains(&day));
    assert_eq!(rows(&app).await, 1);
}

#[tokio::test]
async fn while_the_outbox_is_in_use_a_leaf_is_emptied_and_dropped_later() {
    let app = app_by_day(545, &[]).await;
    one_row(&app, "ch_old").await;
    let day = today(&app);
    app.clock.advance(35 * DAY);
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    one_row(&app, "ch_new").await;
    app.clock.advance(DAY);
    let holder = app.db.client().await;
    let used = format!(
        "begin; update outbox set attempts = 0 where id >= outbox_id_at('{}')",
        app.clock.now() - 2 * DAY
    );
    holder.batch_execute(&used).await.unwrap();
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    assert!(leaves(&app).await.contains(&day));
    assert_eq!(rows(&app).await, 1, "its space is free already");
    holder.batch_execute("commit").await.unwrap();
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    assert!(!leaves(&app).await.contains(&day));
}

#[tokio::test]
async fn a_source_with_days_of_its_own_keeps_its_rows_for_as_long_and_the_others_for_theirs() {
    let mut app = app_by_day(546, &[]).await;
    let settings =
        [("OUTBOX_RETENTION_DAYS", "10"), ("OUTBOX_RETENTION_BY_SOURCE", "gcal=7,hubspot=14")];
    app.relay.retention =
        relay::Retention::from_env(&settings.into_iter().collect::<Env>()).unwrap();
    // Connections are of their sources.
    let portal = "insert into connections (name, source, state, made_at, changed_at) \
                  values ('portal', 'hubspot', 'active', now(), now())";
    app.db.client().await.batch_execute(portal).await.unwrap();
    let row = "insert into outbox (id, source, entity, external_id, version_key, version_at, payload, content_type, status, \
                                   next_attempt_at, received_at) \
               select outbox_id_at($1::timestamptz + n * interval '1 second'), source, 'x', source, 'v', $1, '', '', \
                      'processed', $1, $1 \
               from unnest('{stripe,gcal,hubspot,portal,events}'::text[]) with ordinality as s (source, n)";
    app.db.client().await.execute(row, &[&app.clock.now()]).await.unwrap();
    let mut left = Vec::new();
    for day in 1..=16 {
        app.pass_days(1).await;
        let kept = "select coalesce(string_agg(source, ' ' order by source), '') from outbox";
        left.push((day, app.db.scalar::<String>(kept).await));
    }
    left.dedup_by(|later, earlier| later.1 == earlier.1);
    let all = "events gcal hubspot portal stripe".to_owned();
    let without_gcal = "events hubspot portal stripe".to_owned();
    assert_eq!(
        left,
        [(1, all), (8, without_gcal), (11, "hubspot portal".to_owned()), (15, String::new())]
    );
}

/// A statement of `relay` that does not come back, such as one on a disk that does not answer. It
/// does not look whether its client is still there.
const HANGING: &str = "create or replace function empty_archived_outbox_leaf( \
        p_before timestamptz, p_archived bigint, out name text, out is_emptied boolean) \
    returns setof record language plpgsql set client_connection_check_interval = 0 \
    as $$ begin perform pg_sleep(86400); end $$";

#[tokio::test]
async fn trap_69_a_leaf_that_hangs_while_it_is_retired_is_given_up_and_ended_and_the_round_goes_on()
{
    let app = app_by_day(545, &[]).await;
    one_row(&app, "ch_old").await;
    let day = today(&app);
    app.clock.advance(37 * DAY);
    let client = app.db.client().await;
    client.batch_execute(HANGING).await.unwrap();
    limit(&app, "relay", &NO_LIMITS).await;
    let relay = relay_of(&app);
    let log = CapturedLog::start();
    let failed = relay.run_once(app.relay_deadline()).await.unwrap_err();
    assert!(
        matches!(&failed, relay::RelayError::NotPurged(tables) if tables == "outbox"),
        "{failed}"
    );
    assert!(log.text().contains("\"table\":\"outbox\""), "{}", log.text());
    assert!(leaves(&app).await.contains(&day));
    assert_eq!(rows(&app).await, 0, "the purge went on, and deleted its row by itself");
    until_it_waits(&app, "relay", false).await;
}
