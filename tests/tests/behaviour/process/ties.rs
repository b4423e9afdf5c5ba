//! Two versions that carry the same second (trap 3).

use std::time::Duration;

use fetch::{FetchError, Outcome};
use jiff::Timestamp;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::ids::OutboxId;
use penstock_domain::record::Item;
use penstock_domain::ticket::Ticket;
use penstock_tests::simulators::stripe::Fault;
use penstock_tests::test_app::TestApp;

use crate::stripe_account::{NOW, account, assert_true};

fn charge_event(id: &str, charge: &str, status: &str) -> String {
    format!(
        r#"{{"id":"{id}","object":"event","created":{NOW},"type":"charge.updated","data":{{"object":
           {{"id":"{charge}","object":"charge","amount":700,"amount_captured":700,"captured":true,
             "created":{NOW},"currency":"usd","status":"{status}"}}}}}}"#
    )
}

async fn put(app: &TestApp, charge: &str, event: &str, status: &str) -> OutboxId {
    let at = Timestamp::from_second(NOW).unwrap();
    let payload = charge_event(event, charge, status);
    let item = Item {
        entity: "charge".to_owned(),
        external_id: charge.to_owned(),
        version_key: event.to_owned(),
        version_at: at,
        api_version: None,
        payload: payload.as_bytes(),
    };
    app.put(&[item]).await[0]
}

async fn status(app: &TestApp) -> String {
    app.db.scalar("select status from payments").await
}

#[tokio::test]
async fn trap_03_same_second_events_keep_the_further_status_in_either_order_and_ask_for_another_look()
 {
    for (first, second) in [("pending", "succeeded"), ("succeeded", "pending")] {
        let app = TestApp::over(account(40, 1)).await;
        let truth = app.stripe.truth().remove(0);
        for (event, word) in [("evt_1", first), ("evt_2", second)] {
            let id = put(&app, &truth.id, event, word).await;
            app.deliver(&[Ticket::new(vec![id]).to_body()], 1).await;
        }
        assert_eq!(
            status(&app).await,
            "collected",
            "by rank, until the object has been read again"
        );
        let asked = app.requests.take();
        assert_eq!(
            asked,
            [r#"{"source":"stripe","entity":"charge","mode":"object","resume":true}"#]
        );
        let waits: String = app.db.scalar("select external_id from refetch_requests").await;
        assert_eq!(waits, truth.id);
    }
}

#[tokio::test]
async fn trap_03_a_tie_within_one_batch_is_seen_and_one_that_says_the_same_is_none() {
    let app = TestApp::over(account(41, 1)).await;
    let truth = app.stripe.truth().remove(0);
    let same = [
        put(&app, &truth.id, "evt_1", "succeeded").await,
        put(&app, &truth.id, "evt_2", "succeeded").await,
    ];
    app.deliver(&[Ticket::new(same.to_vec()).to_body()], 1).await;
    assert!(app.requests.take().is_empty(), "nothing to settle");

    let app = TestApp::over(account(42, 1)).await;
    let truth = app.stripe.truth().remove(0);
    let other = [
        put(&app, &truth.id, "evt_1", "succeeded").await,
        put(&app, &truth.id, "evt_2", "failed").await,
    ];
    app.deliver(&[Ticket::new(other.to_vec()).to_body()], 1).await;
    assert_eq!(app.requests.take().len(), 1);
}

#[tokio::test]
async fn trap_03_the_second_look_brings_the_truth_even_where_its_message_was_lost() {
    let app = TestApp::over(account(43, 1)).await;
    let truth = app.stripe.truth().remove(0);
    for (event, word) in [("evt_1", "succeeded"), ("evt_2", "pending")] {
        let id = put(&app, &truth.id, event, word).await;
        app.deliver(&[Ticket::new(vec![id]).to_body()], 1).await;
    }
    app.requests.take();
    app.clock.advance(Duration::from_secs(400));
    let round = app.relay.run_once(app.relay_deadline()).await.unwrap();
    assert_eq!(round.refetches, 1);
    app.drain().await;
    let raw: String = app.db.scalar("select raw_status from payments").await;
    assert_eq!(raw, truth.raw_status);
    assert_eq!(
        app.db.scalar::<i64>("select count(*) from refetch_requests").await,
        0,
        "it is answered"
    );
}

#[tokio::test]
async fn without_a_key_for_a_second_look_the_rank_alone_decides() {
    let mut app = TestApp::over(account(44, 1)).await;
    app.process.refetches = None;
    for (event, word) in [("evt_1", "succeeded"), ("evt_2", "pending")] {
        let id = put(&app, "ch_1", event, word).await;
        app.deliver(&[Ticket::new(vec![id]).to_body()], 1).await;
    }
    assert_eq!(status(&app).await, "collected");
    assert_eq!(app.db.scalar::<i64>("select count(*) from refetch_requests").await, 0);
}

#[tokio::test]
async fn two_looks_in_one_second_ask_for_no_third_and_a_doubled_message_looks_once() {
    let app = TestApp::over(account(45, 5)).await;
    let truth = app.stripe.truth().remove(0);
    let by_hand = FetchRequest {
        ids: vec![truth.id],
        ..FetchRequest::new("stripe", "charge", Mode::Refetch)
    };
    let deadline = app.clock.now() + Duration::from_secs(3_600);
    for _ in 0..2 {
        app.fetch.serve(&by_hand, deadline).await.unwrap();
    }
    for ticket in app.tickets.take() {
        assert_eq!(app.deliver(&[ticket], 1).await.failures(), 0);
    }
    assert!(app.requests.take().is_empty(), "a look asks for a look");
    let late = by_hand.resuming();
    assert_eq!(app.fetch.serve(&late, deadline).await.unwrap(), Outcome::Refetched { objects: 0 });
}

#[tokio::test]
async fn an_object_asked_for_by_hand_is_not_lost_by_an_outage() {
    let app = TestApp::over(account(46, 5)).await;
    let truth = app.stripe.truth().remove(0);
    app.stripe.faults().always("/v1/", Fault::ServerError);
    let by_hand = FetchRequest {
        ids: vec![truth.id],
        ..FetchRequest::new("stripe", "charge", Mode::Refetch)
    };
    let deadline = app.clock.now() + Duration::from_secs(3_600);
    app.fetch.serve(&by_hand, deadline).await.unwrap_err();
    app.stripe.faults().clear();
    app.clock.advance(Duration::from_secs(400));
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().refetches, 1);
    app.drain().await;
    let raw: String = app.db.scalar("select raw_status from payments").await;
    assert_eq!(raw, truth.raw_status);
}

#[tokio::test]
async fn trap_16_a_look_that_is_answered_with_another_thing_is_no_letter_and_is_asked_for_again() {
    let app = TestApp::over(account(47, 1)).await;
    let id = app.stripe.truth().remove(0).id;
    let look = FetchRequest::refetch("stripe", "charge", id);
    // JSON, and no error: a list of nothing.
    app.stripe.faults().next("/v1/charges/", Fault::EmptyPage);
    let deadline = app.clock.now() + Duration::from_secs(3_600);
    let error = app.fetch.serve(&look, deadline).await.unwrap_err();
    assert!(matches!(error, FetchError::Page { .. }), "{error}");
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox").await, 0);
    app.clock.advance(Duration::from_secs(600));
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().refetches, 1);
    app.drain().await;
    assert_true(&app).await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from refetch_requests").await, 0);
}
