//! The letters of messages: which of them `bury` writes, and how much of them it keeps.

use std::time::Duration;

use penstock_store::dead_letters::MOST_BODIES_A_DAY;
use penstock_tests::test_app::{TestApp, batch};
use serde_json::{Value, json};

use crate::stripe_account::account;

#[tokio::test]
async fn an_event_of_a_rule_that_lambda_gives_up_is_a_letter_that_names_the_pull() {
    let app = TestApp::over(account(380, 1)).await;
    let given_up = json!({
        "version": "1.0", "timestamp": "2026-06-01T00:00:00Z",
        "requestContext": {"condition": "RetriesExhausted", "approximateInvokeCount": 3},
        "requestPayload": {"source": "hubspot", "entity": "deal", "mode": "full"},
        "responseContext": {"functionError": "Unhandled"}, "responsePayload": {"errorMessage": "x"},
    });
    let messages = [given_up.to_string()];
    assert_eq!(app.bury.handle(batch(&messages, 1)).await.failures(), 0);
    let letter =
        "select error_kind || ' ' || source || ' ' || entity || ': ' || error from dead_letters";
    assert_eq!(
        app.db.scalar::<String>(letter).await,
        "fetch_failed hubspot deal: fetching hubspot deal (full) failed each time; see /runs"
    );
}

#[tokio::test]
async fn letters_of_messages_keep_so_many_bodies_a_day_and_the_reason_of_all() {
    let app = TestApp::over(account(381, 1)).await;
    let most = usize::try_from(MOST_BODIES_A_DAY).unwrap();
    let bodies: Vec<String> = (0..most + 5).map(|n| format!("made by hand, number {n}")).collect();
    assert_eq!(app.bury.handle(batch(&bodies, 5)).await.failures(), 0);
    let with_body = "select count(*) from dead_letters where length(payload) > 0";
    let all = "select count(*) from dead_letters where error_kind = 'malformed_ticket'";
    assert_eq!(app.db.scalar::<i64>(with_body).await, MOST_BODIES_A_DAY);
    assert_eq!(app.db.scalar::<i64>(all).await, MOST_BODIES_A_DAY + 5);
    let said = "select count(*) from dead_letters where error like '%(its body was not kept: %'";
    assert_eq!(app.db.scalar::<i64>(said).await, 5);
    // A day later there is room again.
    app.clock.advance(Duration::from_secs(86_401));
    let mut later = batch(&["another".to_owned()], 5);
    later.records[0].message_id = "another".to_owned();
    assert_eq!(app.bury.handle(later).await.failures(), 0);
    assert_eq!(app.db.scalar::<i64>(with_body).await, MOST_BODIES_A_DAY + 1);
}

#[tokio::test]
async fn a_letter_of_a_spilled_request_holds_its_text_without_the_seal() {
    let mut app = TestApp::over(account(382, 1)).await;
    app.let_in().await;
    let key = [("Idempotency-Key", "k")];
    let events = |n: i32| json!([{"eventType": "a", "payload": n}]).to_string();
    crate::ingest::post(&app.ingest, "/events", &key, events(1).as_bytes()).await;
    app.ingest.database = app.nowhere();
    crate::ingest::post(&app.ingest, "/events", &key, events(2).as_bytes()).await;
    let spilled = app.spill.take();
    // Messages made by hand use up the room of letters, and take none from what was answered 202.
    let by_hand = (0..MOST_BODIES_A_DAY).map(|n| format!("made by hand, number {n}"));
    let mut by_hand = batch(&by_hand.collect::<Vec<_>>(), 5);
    for record in &mut by_hand.records {
        record.message_id.push_str("-by-hand");
    }
    assert_eq!(app.bury.handle(by_hand).await.failures(), 0);
    assert_eq!(app.bury.handle(batch(&spilled, 6)).await.failures(), 0);
    let kept: Vec<u8> =
        app.db.scalar("select payload from dead_letters where message_id = 'message-0'").await;
    let kept: Value = serde_json::from_slice(&kept).unwrap();
    assert_eq!(
        kept["route"], "events",
        "JSON for a person, and nothing that a queue would believe"
    );
}
