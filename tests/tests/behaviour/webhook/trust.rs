//! Whose word a message of the queue `spill` is (trap 75): only what our own functions have sealed
//! is stored, and nothing else becomes a row or a letter with its body.

use jiff::Timestamp;
use penstock_domain::clock::Clock as _;
use penstock_tests::test_app::{TestApp, batch};
use serde_json::json;

use crate::stripe_account::{NOW, account};
use crate::webhook::{base64, charge_event};

/// The form of a webhook before messages were sealed.
fn by_hand(body: &str, received_at: Timestamp) -> String {
    json!({
        "spill": 1, "source": "stripe", "receivedAt": received_at, "contentType": "application/json",
        "body": base64(body.as_bytes()),
    })
    .to_string()
}

#[tokio::test]
async fn trap_75_a_message_made_by_hand_is_no_money_and_no_letter() {
    let app = TestApp::over(account(238, 1)).await;
    let charge = charge_event("evt_forged", "ch_forged", NOW).replace("700", "99999999");
    let lead = json!({
        "intake": 1, "route": "leads", "atomic": false, "scope": "07".repeat(32), "verified": true,
        "idempotencyKey": null, "seed": "019a0c9e-6a10-7bb3-8f0e-2f8a3f2f9d11",
        "receivedAt": app.clock.now(), "contentType": "text/plain", "body": base64(b"a lead"),
    });
    let messages = [by_hand(&charge, app.clock.now()), lead.to_string()];
    assert_eq!(app.bring_in(&messages).await, 2, "refused, and given back to SQS");
    assert_eq!(app.bury.handle(batch(&messages, 6)).await.failures(), 2, "left where they are");
    let rows = "select (select count(*) from outbox) + (select count(*) from dead_letters)";
    assert_eq!(app.db.scalar::<i64>(rows).await, 0, "nobody has believed them");
}
