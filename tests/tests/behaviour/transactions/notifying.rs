//! The client is told by Standard Webhooks, for a day, until it has heard.

use std::time::Duration;

use penstock_domain::clock::elapsed;
use penstock_tests::simulators::third_party::{ClientFault, Fate, Heard, Status, When};
use penstock_tests::test_app::transactions::Transactions;
use serde_json::json;

use super::{ID, hours, minutes};

/// Starts, and submits a transaction that is completed at once.
async fn submitted(seed: u64, faults: &[(u64, ClientFault)]) -> Transactions {
    let world = Transactions::start(seed).await;
    for &(times, fault) in faults {
        world.client.faults().next_n("/hooks", times, fault);
    }
    world.submit(ID).await;
    world
}

/// Returns the pauses between the attempts.
fn pauses(heard: &[Heard]) -> Vec<Duration> {
    heard.windows(2).map(|pair| elapsed(pair[0].at, pair[1].at)).collect()
}

#[tokio::test]
async fn a_message_keeps_its_id_and_its_bytes_over_retries_and_is_signed_by_both_secrets() {
    let faults = [ClientFault::Status(500), ClientFault::Reset, ClientFault::ReplyLost];
    let mut world = submitted(531, &faults.map(|fault| (1, fault))).await;
    world.work_for(hours(1)).await;
    let heard = world.client.heard_of(&ID);
    assert_eq!(heard.len(), 4);
    for attempt in &heard {
        assert_eq!(attempt.message(), heard[0].message());
        assert_eq!(attempt.body, heard[0].body);
        assert_eq!(attempt.signed_by, [0, 1], "the new secret, and the one that it replaces");
        let time: i64 = attempt.header("webhook-timestamp").unwrap().parse().unwrap();
        assert_eq!(time, attempt.at.as_second(), "each attempt is signed anew");
        assert_eq!(attempt.header("content-type"), Some("application/json"));
    }
    let pauses = pauses(&heard);
    assert!(pauses.is_sorted(), "{pauses:?}");
    assert_eq!(world.client.told_of(&ID), ["completed"], "by its id it is one message");
    let body = heard[0].json();
    assert_eq!(body["type"], "transaction.completed");
    assert_eq!(body["data"], json!({"id": ID, "status": "completed"}));
}

#[tokio::test]
async fn a_410_stops_the_messages_until_a_person_has_them_sent_again() {
    let mut world = submitted(532, &[(1, ClientFault::Status(410))]).await;
    world.work_for(hours(30)).await;
    let heard = world.client.heard_of(&ID);
    assert_eq!(heard.len(), 1);
    let path = format!("/transactions/{ID}");
    let told = world.get(&path).await.body["notifications"][0].clone();
    assert!(told["deadAt"].is_string() && told["lastError"] == "HTTP 410", "{told}");
    let reply = world.operate(&format!("/admin{path}/notify"), &json!(null)).await;
    let expected = json!({"id": ID, "notifications": [heard[0].message()]});
    assert_eq!((reply.status, reply.body), (202, expected));
    world.work_for(minutes(1)).await;
    assert_eq!(world.client.told_of(&ID), ["completed"]);
    let again = world.operate(&format!("/admin{path}/notify"), &json!(null)).await;
    assert_eq!((again.status, &again.body["notifications"]), (202, &json!([])));
}

#[tokio::test]
async fn a_client_that_asks_for_a_pause_gets_it() {
    let mut world = submitted(533, &[(1, ClientFault::TooMany(7_200))]).await;
    world.work_for(hours(4)).await;
    let heard = world.client.heard_of(&ID);
    assert_eq!(heard.len(), 2);
    assert!(pauses(&heard)[0] >= Duration::from_secs(7_200), "{:?}", pauses(&heard));
    assert_eq!(world.client.told_of(&ID), ["completed"]);
}

#[tokio::test]
async fn a_redirect_is_not_followed() {
    let mut world = submitted(534, &[(1, ClientFault::Redirect)]).await;
    world.work_for(hours(1)).await;
    let paths: Vec<String> = world.client.heard().into_iter().map(|heard| heard.path).collect();
    assert_eq!(paths, ["POST /hooks", "POST /hooks"]);
    assert_eq!(world.client.told_of(&ID), ["completed"]);
}

#[tokio::test]
async fn after_a_day_a_message_is_dead_and_a_person_has_it_sent_again() {
    let mut world = submitted(535, &[(1_000, ClientFault::Status(500))]).await;
    world.work_for(hours(48)).await;
    let heard = world.client.heard_of(&ID);
    assert!((8..20).contains(&heard.len()), "{} attempts", heard.len());
    let last = elapsed(heard[0].at, heard[heard.len() - 1].at);
    assert!((hours(18)..hours(24)).contains(&last), "{last:?}");
    assert_eq!(world.status(ID).await, "completed", "whatever the client answers");
    world.client.faults().clear();
    world.work_for(hours(24)).await;
    assert_eq!(world.client.heard_of(&ID).len(), heard.len(), "it is dead");
    let path = format!("/admin/transactions/{ID}/notify");
    assert_eq!(world.operate(&path, &json!(null)).await.status, 202);
    world.work_for(minutes(1)).await;
    assert_eq!(world.client.told_of(&ID), ["completed"]);
    let all = world.client.heard_of(&ID);
    assert!(all.iter().all(|attempt| attempt.message() == heard[0].message()));
    let unknown = "/admin/transactions/no-uuid/notify";
    assert_eq!(world.operate(unknown, &json!(null)).await.status, 404);
}

#[tokio::test]
async fn a_client_that_wants_to_know_is_told_at_each_change() {
    let mut world = Transactions::with(536, &[("NOTIFY_ON", "change")]).await;
    world.party.destine(ID, Fate::new(Status::Failed, When::Asked(2)));
    world.submit(ID).await;
    world.work_for(hours(1)).await;
    let mut told = world.client.told_of(&ID);
    told.sort();
    assert_eq!(told, ["failed", "submitted"], "they may overtake each other");
    let heard = world.client.heard_of(&ID);
    assert_ne!(heard[0].message(), heard[1].message());
}
