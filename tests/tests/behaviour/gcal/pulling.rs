//! Full and incremental runs, sync tokens and ghosts (traps 12 and 13).

use std::time::Duration;

use fetch::Outcome;
use penstock_domain::fetch_request::{FetchRequest, Mode};

use crate::gcal::test_app::GcalTestApp;

#[tokio::test]
async fn a_full_run_brings_the_calendar_and_its_token_is_the_incremental_runs() {
    let test = GcalTestApp::with(101, 230).await;
    assert_eq!(test.cursor().await, None);
    test.fetch(Mode::Full).await.unwrap();
    test.app.drain().await;
    test.assert_true().await;
    assert!(test.cursor().await.is_some());
    for n in [0, 1, 130] {
        test.change(n);
        assert!(matches!(test.fetch(Mode::Incremental).await.unwrap(), Outcome::Finished { .. }));
        test.app.drain().await;
        test.assert_true().await;
    }
    let events = test.google.take_requests();
    assert!(events.iter().all(|asked| asked.status == 200), "{events:?}");
}

#[tokio::test]
async fn a_second_full_run_writes_no_row_that_is_there() {
    let test = GcalTestApp::filled(102, 120).await;
    let versions = "select string_agg(xmin::text, ',' order by external_id) from calendar_events";
    let before: String = test.app.db.scalar(versions).await;
    test.app.clock.advance(Duration::from_secs(60));
    test.fetch(Mode::Full).await.unwrap();
    test.app.drain().await;
    assert_eq!(test.app.db.scalar::<String>(versions).await, before);
    test.assert_true().await;
}

#[tokio::test]
async fn an_incremental_run_without_a_token_leaves_it_to_one_full_run() {
    let test = GcalTestApp::with(103, 60).await;
    for _ in 0..3 {
        assert!(matches!(
            test.fetch(Mode::Incremental).await.unwrap(),
            Outcome::LeftToFullRuns { .. }
        ));
    }
    assert_eq!(test.google.take_requests(), [], "nothing is asked without a token");
    assert_eq!(test.app.requests.take().len(), 1, "one full run is asked for");
    let resumed = FetchRequest::new("gcal", "event", Mode::Full).resuming();
    let outcome = test.serve(&resumed, Duration::from_secs(86_400)).await.unwrap();
    assert!(matches!(outcome, Outcome::Finished { .. }));
    test.change(10);
    test.fetch(Mode::Incremental).await.unwrap();
    test.app.drain().await;
    test.assert_true().await;
}

#[tokio::test]
async fn trap_12_the_token_goes_with_the_parameters_of_its_list_and_with_every_page() {
    let test = GcalTestApp::filled(104, 130).await;
    test.change(140);
    test.fetch(Mode::Incremental).await.unwrap();
    let asked = test.google.take_requests();
    let fixed = |name: &str| {
        asked.iter().map(|a| a.get(name).unwrap_or("-").to_owned()).collect::<Vec<_>>()
    };
    for name in ["singleEvents", "showDeleted"] {
        assert!(fixed(name).iter().all(|value| value == "true"), "{name}: {:?}", fixed(name));
    }
    let (full, incremental): (Vec<_>, Vec<_>) =
        asked.iter().partition(|a| a.get("syncToken").is_none());
    assert!(full.len() >= 3 && incremental.len() >= 2, "{asked:?}");
    let token = incremental[0].get("syncToken");
    assert!(
        incremental.iter().all(|a| a.get("syncToken") == token),
        "the same token with every page"
    );
    let allowed = ["maxResults", "showDeleted", "singleEvents", "syncToken", "pageToken"];
    assert!(
        asked.iter().flat_map(|a| &a.query).all(|(name, _)| allowed.contains(&name.as_str())),
        "{asked:?}"
    );
}

#[tokio::test]
async fn trap_12_what_changes_while_a_list_is_paged_is_in_the_next_one() {
    let test = GcalTestApp::with(105, 230).await;
    for mode in [Mode::Full, Mode::Incremental] {
        test.change(150);
        let (google, clock) = (test.google.handle(), test.app.clock.clone());
        test.google.on_request(3, move || {
            clock.advance(Duration::from_secs(2));
            google.with(|calendar| calendar.change(60));
        });
        test.fetch(mode).await.unwrap();
        test.app.clock.advance(Duration::from_secs(2));
        test.fetch(Mode::Incremental).await.unwrap();
        test.app.drain().await;
        test.assert_true().await;
    }
}

#[tokio::test]
async fn trap_13_a_token_that_is_no_use_has_a_full_run_sweep_what_vanished_and_only_when_it_succeeded()
 {
    let test = GcalTestApp::filled(106, 230).await;
    test.app.clock.advance(Duration::from_secs(3_600));
    test.google.with(|calendar| calendar.cancel_and_forget(40));
    test.google.expire_sync_tokens();
    test.change(30);
    let outcome = test.fetch(Mode::Incremental).await.unwrap();
    let Outcome::StartsOver { reason, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(reason, "fullSyncRequired: Sync token is no longer valid, a full sync is required.");
    assert_eq!(test.cursor().await, None);
    // The token has expired; a second request does not request a second full run.
    assert!(matches!(test.fetch(Mode::Incremental).await.unwrap(), Outcome::LeftToFullRuns { .. }));
    assert_eq!(test.app.requests.take().len(), 1);

    let alive = "select count(*) from calendar_events where deleted_at is null";
    let before: i64 = test.app.db.scalar(alive).await;
    let full = FetchRequest::new("gcal", "event", Mode::Full).resuming();
    // Two pages, then the time is up: no event may vanish before the list is complete.
    let clock = test.app.clock.clone();
    test.google.on_request(2, move || clock.advance(Duration::from_secs(60)));
    let outcome = test.serve(&full, Duration::from_secs(30)).await.unwrap();
    assert!(matches!(outcome, Outcome::Continues { .. }), "{outcome:?}");
    drop(test.app.requests.take());
    test.app.drain().await;
    let swept = "select count(*) from refetch_requests";
    // The tombstones that the two pages named wait to be read; nothing was swept.
    assert!(test.app.db.scalar::<i64>(swept).await <= 30);
    assert!(
        test.app.db.scalar::<i64>(alive).await >= before - 30,
        "only what was shown as cancelled is gone"
    );

    assert!(matches!(
        test.serve(&full, Duration::from_secs(86_400)).await.unwrap(),
        Outcome::Finished { .. }
    ));
    test.app.drain().await;
    assert!(test.app.db.scalar::<i64>(swept).await >= 40);
    test.assert_true().await;
    let note: String = test
        .app
        .db
        .scalar("select string_agg(last_error, ' | ' order by started_at) from sync_runs where mode = 'full'")
        .await;
    assert!(note.contains("fullSyncRequired"), "{note}");
    // The next incremental run begins with the full run's token.
    test.change(25);
    assert!(matches!(test.fetch(Mode::Incremental).await.unwrap(), Outcome::Finished { .. }));
    test.app.drain().await;
    test.assert_true().await;
}

#[tokio::test]
async fn trap_13_what_vanished_and_comes_back_is_there_again() {
    let test = GcalTestApp::filled(107, 40).await;
    let id = test.google.with(|calendar| calendar.present()[0].clone());
    for round in 0..3 {
        for there in [false, true] {
            test.app.clock.advance(Duration::from_secs(2));
            let id = id.clone();
            test.google.with(move |calendar| {
                if there { calendar.restore(&id) } else { calendar.cancel_barely(&id) }
            });
            test.app.clock.advance(Duration::from_secs(2));
            let mode = if round == 1 { Mode::Full } else { Mode::Incremental };
            test.fetch(mode).await.unwrap();
            test.app.drain().await;
            test.assert_true().await;
        }
    }
}

#[tokio::test]
async fn a_page_token_that_has_ended_has_the_full_run_begin_again() {
    let test = GcalTestApp::with(108, 230).await;
    let clock = test.app.clock.clone();
    test.google.on_request(2, move || clock.advance(Duration::from_secs(60)));
    let full = FetchRequest::new("gcal", "event", Mode::Full);
    assert!(matches!(
        test.serve(&full, Duration::from_secs(30)).await.unwrap(),
        Outcome::Continues { .. }
    ));
    test.google.expire_page_tokens();
    let outcome = test.serve(&full, Duration::from_secs(86_400)).await.unwrap();
    assert!(matches!(outcome, Outcome::StartsOver { .. }), "{outcome:?}");
    test.app.clock.advance(Duration::from_secs(600));
    assert_eq!(test.app.relay.run_once(test.app.relay_deadline()).await.unwrap().runs, 1);
    test.app.drain().await;
    test.assert_true().await;
}

#[tokio::test]
async fn trap_13_what_vanishes_while_it_still_waits_to_be_processed_is_swept_too() {
    let test = GcalTestApp::with(109, 120).await;
    test.fetch(Mode::Full).await.unwrap();
    let waiting = test.app.tickets.take();
    test.app.clock.advance(Duration::from_secs(600));
    test.google.with(|calendar| calendar.cancel_and_forget(30));
    test.fetch(Mode::Full).await.unwrap();
    test.app.drain().await;
    assert_eq!(test.app.deliver(&waiting, 1).await.failures(), 0);
    test.assert_true().await;
    assert_eq!(
        test.app
            .db
            .scalar::<i64>("select count(*) from outbox where version_key like 'gone:%'")
            .await,
        30
    );
}

#[tokio::test]
async fn every_order_of_arrival_gives_the_same_rows() {
    let mut all = Vec::new();
    for order in 0..3_u64 {
        let test = GcalTestApp::with(110, 60).await;
        let (mut tickets, by_id) = (Vec::new(), FetchRequest::refetches("gcal", "event"));
        for round in 0..8 {
            let mode = if round % 4 == 0 { Mode::Full } else { Mode::Incremental };
            test.fetch(mode).await.unwrap();
            test.serve(&by_id, Duration::from_secs(86_400)).await.unwrap();
            tickets.extend(test.app.tickets.take());
            test.change(40);
            if round == 5 {
                test.google.with(|calendar| calendar.cancel_and_forget(10));
                test.google.expire_sync_tokens();
                test.app.clock.advance(Duration::from_secs(600));
                test.fetch(Mode::Incremental).await.unwrap();
                test.fetch(Mode::Full).await.unwrap();
                drop(test.app.requests.take());
                test.serve(&by_id, Duration::from_secs(86_400)).await.unwrap();
                tickets.extend(test.app.tickets.take());
            }
        }
        test.fetch(Mode::Incremental).await.unwrap();
        test.serve(&by_id, Duration::from_secs(86_400)).await.unwrap();
        tickets.extend(test.app.tickets.take());
        // One row in each ticket, in another order each time.
        let parsed =
            tickets.iter().map(|body| penstock_domain::ticket::Ticket::parse(body).unwrap());
        let mut ids: Vec<_> = parsed.flat_map(|ticket| ticket.ids).collect();
        match order {
            0 => {}
            1 => ids.reverse(),
            _ => fastrand::Rng::with_seed(order).shuffle(&mut ids),
        }
        for part in ids.chunks(37) {
            let bodies: Vec<String> = part
                .iter()
                .map(|id| penstock_domain::ticket::Ticket::new(vec![*id]).to_body())
                .collect();
            assert_eq!(test.app.deliver(&bodies, 1).await.failures(), 0);
        }
        test.assert_true().await;
        let rows = "select md5(string_agg(concat_ws('|', external_id, status, summary, starts_at, start_date, deleted_at, version_at, \
                    convert_from(raw, 'utf8')), E'\\n' order by external_id)) from calendar_events";
        all.push(test.app.db.scalar::<String>(rows).await);
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
}
