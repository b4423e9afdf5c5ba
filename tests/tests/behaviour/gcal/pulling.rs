//! Full and incremental runs, sync tokens and ghosts (traps 12 and 13).

use std::time::Duration;

use fetch::Outcome;
use penstock_domain::fetch_request::{FetchRequest, Mode};

use crate::gcal::test_app::Office;

#[tokio::test]
async fn a_full_run_brings_the_calendar_and_its_token_is_the_incremental_runs() {
    let office = Office::with(101, 230).await;
    assert_eq!(office.cursor().await, None);
    office.fetch(Mode::Full).await.unwrap();
    office.plant.drain().await;
    office.assert_true().await;
    assert!(office.cursor().await.is_some());
    for n in [0, 1, 130] {
        office.change(n);
        assert!(matches!(office.fetch(Mode::Incremental).await.unwrap(), Outcome::Finished { .. }));
        office.plant.drain().await;
        office.assert_true().await;
    }
    let events = office.google.take_requests();
    assert!(events.iter().all(|asked| asked.status == 200), "{events:?}");
}

#[tokio::test]
async fn a_second_full_run_writes_no_row_that_is_there() {
    let office = Office::filled(102, 120).await;
    let versions = "select string_agg(xmin::text, ',' order by external_id) from calendar_events";
    let before: String = office.plant.db.scalar(versions).await;
    office.plant.clock.advance(Duration::from_secs(60));
    office.fetch(Mode::Full).await.unwrap();
    office.plant.drain().await;
    assert_eq!(office.plant.db.scalar::<String>(versions).await, before);
    office.assert_true().await;
}

#[tokio::test]
async fn an_incremental_run_without_a_token_leaves_it_to_one_full_run() {
    let office = Office::with(103, 60).await;
    for _ in 0..3 {
        assert!(matches!(
            office.fetch(Mode::Incremental).await.unwrap(),
            Outcome::LeftToFullRuns { .. }
        ));
    }
    assert_eq!(office.google.take_requests(), [], "nothing is asked without a token");
    assert_eq!(office.plant.requests.take().len(), 1, "one full run is asked for");
    let resumed = FetchRequest::new("gcal", "event", Mode::Full).resuming();
    let outcome = office.serve(&resumed, Duration::from_secs(86_400)).await.unwrap();
    assert!(matches!(outcome, Outcome::Finished { .. }));
    office.change(10);
    office.fetch(Mode::Incremental).await.unwrap();
    office.plant.drain().await;
    office.assert_true().await;
}

#[tokio::test]
async fn trap_12_the_token_goes_with_the_parameters_of_its_list_and_with_every_page() {
    let office = Office::filled(104, 130).await;
    office.change(140);
    office.fetch(Mode::Incremental).await.unwrap();
    let asked = office.google.take_requests();
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
    let office = Office::with(105, 230).await;
    for mode in [Mode::Full, Mode::Incremental] {
        office.change(150);
        let (google, clock) = (office.google.handle(), office.plant.clock.clone());
        office.google.on_request(3, move || {
            clock.advance(Duration::from_secs(2));
            google.with(|calendar| calendar.change(60));
        });
        office.fetch(mode).await.unwrap();
        office.plant.clock.advance(Duration::from_secs(2));
        office.fetch(Mode::Incremental).await.unwrap();
        office.plant.drain().await;
        office.assert_true().await;
    }
}

#[tokio::test]
async fn trap_13_a_token_that_is_no_use_has_a_full_run_sweep_what_vanished_and_only_when_it_succeeded()
 {
    let office = Office::filled(106, 230).await;
    office.plant.clock.advance(Duration::from_secs(3_600));
    office.google.with(|calendar| calendar.cancel_and_forget(40));
    office.google.expire_sync_tokens();
    office.change(30);
    let outcome = office.fetch(Mode::Incremental).await.unwrap();
    let Outcome::StartsOver { reason, .. } = outcome else { panic!("{outcome:?}") };
    assert_eq!(reason, "fullSyncRequired: Sync token is no longer valid, a full sync is required.");
    assert_eq!(office.cursor().await, None);
    // The token is gone; asking again asks for no second full run.
    assert!(matches!(
        office.fetch(Mode::Incremental).await.unwrap(),
        Outcome::LeftToFullRuns { .. }
    ));
    assert_eq!(office.plant.requests.take().len(), 1);

    let alive = "select count(*) from calendar_events where deleted_at is null";
    let before: i64 = office.plant.db.scalar(alive).await;
    let full = FetchRequest::new("gcal", "event", Mode::Full).resuming();
    // Two pages, then the time is up: nothing may vanish before the list is complete.
    let clock = office.plant.clock.clone();
    office.google.on_request(2, move || clock.advance(Duration::from_secs(60)));
    let outcome = office.serve(&full, Duration::from_secs(30)).await.unwrap();
    assert!(matches!(outcome, Outcome::Continues { .. }), "{outcome:?}");
    drop(office.plant.requests.take());
    office.plant.drain().await;
    let swept = "select count(*) from outbox where version_key like 'sweep:%'";
    assert_eq!(office.plant.db.scalar::<i64>(swept).await, 0);
    assert!(
        office.plant.db.scalar::<i64>(alive).await >= before - 30,
        "only what was shown as cancelled is gone"
    );

    assert!(matches!(
        office.serve(&full, Duration::from_secs(86_400)).await.unwrap(),
        Outcome::Finished { .. }
    ));
    office.plant.drain().await;
    assert!(office.plant.db.scalar::<i64>(swept).await >= 40);
    office.assert_true().await;
    let note: String = office
        .plant
        .db
        .scalar("select string_agg(last_error, ' | ' order by started_at) from sync_runs where mode = 'full'")
        .await;
    assert!(note.contains("fullSyncRequired"), "{note}");
    // Life goes on from the full run's token.
    office.change(25);
    assert!(matches!(office.fetch(Mode::Incremental).await.unwrap(), Outcome::Finished { .. }));
    office.plant.drain().await;
    office.assert_true().await;
}

#[tokio::test]
async fn trap_13_what_vanished_and_comes_back_is_there_again() {
    let office = Office::filled(107, 40).await;
    let id = office.google.with(|calendar| calendar.present()[0].clone());
    for round in 0..3 {
        for there in [false, true] {
            office.plant.clock.advance(Duration::from_secs(2));
            let id = id.clone();
            office.google.with(move |calendar| {
                if there { calendar.restore(&id) } else { calendar.cancel_barely(&id) }
            });
            office.plant.clock.advance(Duration::from_secs(2));
            let mode = if round == 1 { Mode::Full } else { Mode::Incremental };
            office.fetch(mode).await.unwrap();
            office.plant.drain().await;
            office.assert_true().await;
        }
    }
}

#[tokio::test]
async fn a_page_token_that_has_ended_has_the_full_run_begin_again() {
    let office = Office::with(108, 230).await;
    let clock = office.plant.clock.clone();
    office.google.on_request(2, move || clock.advance(Duration::from_secs(60)));
    let full = FetchRequest::new("gcal", "event", Mode::Full);
    assert!(matches!(
        office.serve(&full, Duration::from_secs(30)).await.unwrap(),
        Outcome::Continues { .. }
    ));
    office.google.expire_page_tokens();
    let outcome = office.serve(&full, Duration::from_secs(86_400)).await.unwrap();
    assert!(matches!(outcome, Outcome::StartsOver { .. }), "{outcome:?}");
    office.plant.clock.advance(Duration::from_secs(600));
    assert_eq!(office.plant.relay.run_once(office.plant.relay_deadline()).await.unwrap().runs, 1);
    office.plant.drain().await;
    office.assert_true().await;
}

#[tokio::test]
async fn trap_13_what_vanishes_while_it_still_waits_to_be_processed_is_swept_too() {
    let office = Office::with(109, 120).await;
    office.fetch(Mode::Full).await.unwrap();
    let waiting = office.plant.tickets.take();
    office.plant.clock.advance(Duration::from_secs(60));
    office.google.with(|calendar| calendar.cancel_and_forget(30));
    office.fetch(Mode::Full).await.unwrap();
    office.plant.drain().await;
    assert_eq!(office.plant.deliver(&waiting, 1).await.failures(), 0);
    office.assert_true().await;
    assert_eq!(
        office
            .plant
            .db
            .scalar::<i64>("select count(*) from outbox where version_key like 'sweep:%'")
            .await,
        30
    );
}

#[tokio::test]
async fn every_order_of_arrival_gives_the_same_rows() {
    let mut all = Vec::new();
    for order in 0..3_u64 {
        let office = Office::with(110, 60).await;
        let mut tickets = Vec::new();
        for round in 0..8 {
            let mode = if round % 4 == 0 { Mode::Full } else { Mode::Incremental };
            office.fetch(mode).await.unwrap();
            tickets.extend(office.plant.tickets.take());
            office.change(40);
            if round == 5 {
                office.google.with(|calendar| calendar.cancel_and_forget(10));
                office.google.expire_sync_tokens();
                office.fetch(Mode::Incremental).await.unwrap();
                office.fetch(Mode::Full).await.unwrap();
                tickets.extend(office.plant.tickets.take());
                drop(office.plant.requests.take());
            }
        }
        office.fetch(Mode::Incremental).await.unwrap();
        tickets.extend(office.plant.tickets.take());
        // One row a ticket, in another order each time.
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
            assert_eq!(office.plant.deliver(&bodies, 1).await.failures(), 0);
        }
        office.assert_true().await;
        let rows = "select md5(string_agg(concat_ws('|', external_id, status, summary, starts_at, start_date, deleted_at, version_at, \
                    convert_from(raw, 'utf8')), E'\\n' order by external_id)) from calendar_events";
        all.push(office.plant.db.scalar::<String>(rows).await);
    }
    assert!(all.windows(2).all(|pair| pair[0] == pair[1]), "{all:?}");
}
