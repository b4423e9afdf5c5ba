//! Push channels: opened, renewed before they expire, and the old ones closed.

use std::time::Duration;

use fetch::{FetchError, Outcome, RENEW_BEFORE};
use penstock_clients::vendor::VendorError;
use penstock_domain::clock::Clock as _;
use penstock_domain::due::Due;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_tests::simulators::gcal::Fault;
use serde_json::json;

use crate::gcal::test_app::{GcalTestApp, WEBHOOK_URL};

const WEEK: Duration = Duration::from_secs(7 * 86_400);
const CHANNELS: &str = "select count(*) from push_channels";

async fn watch(test: &GcalTestApp) -> (bool, usize) {
    match test.fetch(Mode::Watch).await.unwrap() {
        Outcome::Watched { opened, closed, .. } => (opened, closed),
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn a_channel_is_opened_once_and_renewed_before_it_ends() {
    let test = GcalTestApp::with(301, 0).await;
    assert_eq!(watch(&test).await, (true, 0));
    let first = test.google.channels().remove(0);
    assert_eq!((first.address.as_str(), first.token.len()), (WEBHOOK_URL, 64));
    test.app.clock.advance(WEEK - RENEW_BEFORE - Duration::from_secs(60));
    assert_eq!(watch(&test).await, (false, 0));
    test.app.clock.advance(Duration::from_secs(60));
    assert_eq!(watch(&test).await, (true, 1));
    let open = test.google.channels();
    assert_eq!(open.len(), 1);
    assert!(
        open[0].expiration > first.expiration
            && open[0].id != first.id
            && open[0].token != first.token
    );
    assert_eq!(test.app.db.scalar::<i64>(CHANNELS).await, 1);
}

#[tokio::test]
async fn there_is_always_a_channel_while_one_replaces_another() {
    let test = GcalTestApp::with(302, 0).await;
    watch(&test).await;
    test.app.clock.advance(WEEK - Duration::from_secs(3_600));
    let (google, counts) =
        (test.google.handle(), std::sync::Arc::new(std::sync::Mutex::new(Vec::new())));
    let counted = std::sync::Arc::clone(&counts);
    drop(test.google.take_requests());
    // Opening is the first request, closing the second.
    test.google.on_request(2, move || counted.lock().unwrap().push(google.channels()));
    assert_eq!(watch(&test).await, (true, 1));
    assert_eq!(*counts.lock().unwrap(), [2]);
}

#[tokio::test]
async fn an_old_channel_that_cannot_be_closed_is_closed_the_next_time_or_ends() {
    let test = GcalTestApp::with(303, 0).await;
    watch(&test).await;
    test.app.clock.advance(WEEK - RENEW_BEFORE);
    test.google.faults().always("/calendar/v3/channels/stop", Fault::ServerError);
    assert_eq!(watch(&test).await, (true, 0));
    assert_eq!(watch(&test).await, (false, 0), "it is not opened again for that");
    assert_eq!(test.google.channels().len(), 2);
    test.google.faults().clear();
    assert_eq!(watch(&test).await, (false, 1));
    assert_eq!(test.google.channels().len(), 1);

    test.google.forget_channels();
    test.app.clock.advance(WEEK - RENEW_BEFORE);
    assert_eq!(
        watch(&test).await,
        (true, 1),
        "Google does not know the old one: it counts as closed"
    );
    test.app.clock.advance(WEEK * 2);
    drop(test.google.take_requests());
    assert_eq!(watch(&test).await, (true, 1));
    let stops =
        test.google.take_requests().iter().filter(|asked| asked.path.ends_with("/stop")).count();
    assert_eq!(stops, 0, "what has ended needs no closing");
}

#[tokio::test]
async fn a_channel_that_pushes_elsewhere_is_replaced() {
    let test = GcalTestApp::with(304, 0).await;
    watch(&test).await;
    let elsewhere = "update push_channels set address = 'https://old.example/webhooks/gcal'";
    test.app.db.client().await.batch_execute(elsewhere).await.unwrap();
    assert_eq!(watch(&test).await, (true, 1));
    assert_eq!(test.google.channels().len(), 1);
}

#[tokio::test]
async fn an_outage_fails_the_invocation_and_the_next_one_makes_up_for_it() {
    let test = GcalTestApp::with(305, 0).await;
    test.google.faults().always("/calendar/v3/calendars", Fault::ServerError);
    let error = test.fetch(Mode::Watch).await.unwrap_err();
    assert!(matches!(error, FetchError::Vendor(VendorError::Unavailable { .. })), "{error}");
    test.google.faults().clear();
    // Google opened the channel, but the reply is lost. The id is known when it is sent again, so
    // another channel is opened.
    test.google.faults().next("/calendar/v3/calendars", Fault::CutBody);
    test.fetch(Mode::Watch).await.unwrap_err();
    assert_eq!(watch(&test).await, (true, 0));
    assert_eq!((test.google.channels().len(), test.app.db.scalar::<i64>(CHANNELS).await), (2, 1));
}

#[tokio::test]
async fn an_outage_makes_no_dead_letter_of_the_message_since_the_rule_asks_again() {
    let test = GcalTestApp::with(307, 0).await;
    test.google.faults().always("/calendar/v3/calendars", Fault::ServerError);
    let request = FetchRequest::new("gcal", "event", Mode::Watch);
    let body = serde_json::to_string(&request).unwrap();
    let event = json!({"Records": [{"messageId": "m", "body": body}]});
    let deadline = test.app.clock.now() + Duration::from_secs(300);
    let reply = test.app.fetch.handle(event, deadline).await.unwrap();
    assert_eq!(reply["batchItemFailures"], json!([]));
    test.google.faults().clear();
    test.app.due(Due::Watch).await;
    test.app.drain().await;
    assert_eq!(test.google.channels().len(), 1);
}

#[tokio::test]
async fn where_no_address_is_set_there_is_nothing_to_watch() {
    let test = GcalTestApp::with_settings(306, 0, &[("GCAL_WEBHOOK_URL", "")]).await;
    let error = test.fetch(Mode::Watch).await.unwrap_err();
    assert_eq!(error.to_string(), "gcal has no event to fetch in mode watch");
}
