//! Ten thousand refetches of one source at once.

use std::time::Duration;

use fetch::Outcome;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_tests::simulators::hubspot::{Fault, Kind};

use crate::hubspot::pushing::{change, push};
use crate::hubspot::test_app::{HubSpotTestApp, portal, some};

const WAITING: &str = "select count(*) from refetch_requests";

/// A test app with 10,000 refetches of deals that wait, and whose messages are lost.
async fn flooded(seed: u64) -> HubSpotTestApp {
    let test = HubSpotTestApp::over(portal(seed, 30, 30)).await;
    test.run(Mode::Full).await;
    test.run(Mode::Incremental).await;
    test.wait(600);
    let now = test.app.clock.now();
    let flood = format!(
        "insert into refetch_requests (source, entity, external_id, requested_at, next_send_at) \
         select 'hubspot', 'deal', (900000000 + n)::text, '{now}', '{now}' from generate_series(1, 10000) n"
    );
    test.app.db.client().await.batch_execute(&flood).await.unwrap();
    test
}

async fn serve(test: &HubSpotTestApp, body: &str) -> Outcome {
    let request: FetchRequest = serde_json::from_str(body).unwrap();
    let deadline = test.app.clock.now() + Duration::from_secs(300);
    test.app.fetch.serve(&request, deadline).await.unwrap()
}

#[tokio::test]
async fn ten_thousand_refetches_are_one_message_that_works_for_seconds_and_goes_on_behind_others() {
    let test = flooded(91).await;
    test.app.relay.run_once(test.app.relay_deadline()).await.unwrap();
    let refetches = r#"{"source":"hubspot","entity":"deal","mode":"object","resume":true}"#;
    let began = test.app.clock.now().as_second();
    for round in 1..=5_i64 {
        assert_eq!(test.app.requests.take(), [refetches], "in place of 10,000");
        let Outcome::Refetched { objects } = serve(&test, refetches).await else {
            panic!("not read");
        };
        assert!(objects >= 10, "{objects} objects in a message");
        let lasted = test.app.clock.now().as_second() - began;
        assert!(lasted <= 40 * round, "{lasted} s for {round} messages");
        // A message too many does not read before its turn.
        assert_eq!(serve(&test, refetches).await, Outcome::Busy);
        test.wait(6);
    }
    assert!(test.app.db.scalar::<i64>(WAITING).await > 9_000);
}

#[tokio::test]
async fn what_is_pushed_is_read_at_once_although_ten_thousand_refetches_wait() {
    let test = flooded(92).await;
    let deal = some(&test, Kind::Deal, 3);
    test.hubspot.portal().edit(Kind::Deal, deal);
    let changes = serde_json::json!([change("deal.propertyChange", deal)]);
    assert_eq!(push(&test, &changes).await.0, 200);
    let messages = test.app.requests.take();
    assert_eq!(messages.len(), 1);
    serve(&test, &messages[0]).await;
    let pushed = format!("select count(*) from refetch_requests where external_id = '{deal}'");
    assert_eq!(test.app.db.scalar::<i64>(&pushed).await, 0, "it waits behind the others");
    test.app.work_tickets().await;
    let ours = test.deals().await;
    let theirs = test.hubspot.portal().deals_truth();
    assert_eq!(ours.get(&deal.to_string()).map(|(ours, _)| ours), theirs.get(&deal.to_string()));
    assert!(test.app.db.scalar::<i64>(WAITING).await > 9_000);
}

#[tokio::test]
async fn pushes_without_end_do_not_starve_ties() {
    let test = flooded(93).await;
    let pushed = "update refetch_requests set pushed = true where external_id <> '900000007'";
    test.app.db.client().await.batch_execute(pushed).await.unwrap();
    serve(&test, r#"{"source":"hubspot","entity":"deal","mode":"object","resume":true}"#).await;
    let tied =
        "select count(*) from refetch_requests where external_id = '900000007' and tries = 0";
    assert_eq!(test.app.db.scalar::<i64>(tied).await, 0);
}

#[tokio::test]
async fn one_message_at_a_time_reads_and_the_others_end_at_once() {
    let test = flooded(94).await;
    let refetches = r#"{"source":"hubspot","entity":"deal","mode":"object","resume":true}"#;
    // A message of an older release names its objects. It is served in the same way.
    let older =
        r#"{"source":"hubspot","entity":"deal","mode":"object","resume":true,"ids":["900000001"]}"#;
    let (one, other) = tokio::join!(serve(&test, refetches), serve(&test, older));
    assert_eq!((matches!(one, Outcome::Refetched { .. }), other), (true, Outcome::Busy));
    assert_eq!(test.app.requests.take().len(), 1);
    test.wait(6);
    assert!(matches!(serve(&test, older).await, Outcome::Refetched { .. }));
}

/// One of 30 objects strikes a fault each time. A message comes every `pause` seconds.
async fn all_but_one_are_read(seed: u64, fault: Fault, pause: u64) {
    let test = HubSpotTestApp::over(portal(seed, 1, 30)).await;
    test.run(Mode::Full).await;
    test.wait(600);
    let ids = test.hubspot.portal().live(Kind::Deal);
    // The last: its path is no prefix of another's.
    let unreadable = *ids.iter().max().unwrap();
    let now = test.app.clock.now();
    for id in &ids {
        let wait = format!(
            "insert into refetch_requests (source, entity, external_id, requested_at, next_send_at) \
             values ('hubspot', 'deal', '{id}', '{}', '{now}')",
            // It is the first.
            if *id == unreadable { now - Duration::from_secs(60) } else { now },
        );
        test.app.db.client().await.batch_execute(&wait).await.unwrap();
    }
    test.hubspot.faults().always(&format!("/crm/objects/2026-09/deals/{unreadable}"), fault);
    let request = FetchRequest::refetches("hubspot", "deal");
    for _ in 0..20 {
        let deadline = test.app.clock.now() + Duration::from_secs(300);
        drop(test.app.fetch.serve(&request, deadline).await);
        test.wait(pause);
    }
    let left: String = test.app.db.scalar("select external_id from refetch_requests").await;
    assert_eq!(left, unreadable.to_string());
    test.hubspot.faults().clear();
    test.app.requests.take();
    test.wait(1_000);
    test.app.relay.run_once(test.app.relay_deadline()).await.unwrap();
    test.app.drain().await;
    test.assert_true().await;
}

#[tokio::test]
async fn an_object_that_cannot_be_read_holds_up_no_other() {
    all_but_one_are_read(95, Fault::Html, 6).await;
}

#[tokio::test]
async fn an_object_that_the_key_may_not_read_holds_up_no_other() {
    all_but_one_are_read(96, Fault::Forbidden, 70).await;
}
