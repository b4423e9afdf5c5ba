//! An operator reads transactions: pages by status, and one with all that has happened to it.

use std::time::Duration;

use penstock_domain::clock::Clock as _;
use penstock_tests::simulators::third_party::{Fate, Fault, Status, When};
use penstock_tests::test_app::transactions::Transactions;
use serde_json::{Value, json};
use uuid::Uuid;

use super::{ID, minutes, nth};

/// Reads page after page to the end.
async fn pages(world: &Transactions, query: &str) -> Vec<Vec<Uuid>> {
    let (mut pages, mut cursor) = (Vec::new(), String::new());
    loop {
        let reply = world.get(&format!("/transactions?{query}{cursor}")).await;
        assert_eq!(reply.status, 200, "{reply:?}");
        let listed = reply.body["transactions"].as_array().unwrap();
        let id = |it: &Value| it["id"].as_str().unwrap().parse().unwrap();
        pages.push(listed.iter().map(id).collect());
        match reply.body["nextCursor"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => return pages,
        }
    }
}

#[tokio::test]
async fn transactions_are_listed_by_status_newest_first_in_pages() {
    let mut world = Transactions::start(521).await;
    for n in 0..7 {
        let decision = if n % 2 == 0 { Status::Completed } else { Status::Declined };
        world.party.destine(nth(n), Fate::new(decision, When::AtOnce));
        world.submit(nth(n)).await;
        // The last two came in at the same instant.
        let step = if n < 5 { 1 } else { 0 };
        world.clock.set(world.clock.now() + Duration::from_secs(step));
    }
    world.work_for(minutes(1)).await;
    let ids = |of: &[u128]| of.iter().map(|&n| nth(n)).collect::<Vec<_>>();
    let expected = [ids(&[6, 5, 4]), ids(&[3, 2, 1]), ids(&[0])];
    assert_eq!(pages(&world, "limit=3").await, expected);
    let expected = [ids(&[6, 4]), ids(&[2, 0])];
    assert_eq!(pages(&world, "status=completed&limit=2").await, expected);
    assert_eq!(pages(&world, "status=declined").await, [ids(&[5, 3, 1])]);
    assert_eq!(pages(&world, "status=needs_review").await, [ids(&[])]);
    for query in ["status=done", "limit=0", "limit=101", "cursor=x", "page=2"] {
        assert_eq!(world.get(&format!("/transactions?{query}")).await.status, 400, "{query}");
    }
}

#[tokio::test]
async fn one_transaction_is_read_with_its_history_its_submissions_and_its_messages() {
    let mut world = Transactions::start(522).await;
    world.party.manners(super::silent());
    world.party.faults().next("POST", Fault::Before(500));
    let received = world.clock.now();
    world.submit(ID).await;
    world.work_for(minutes(30)).await;
    let reply = world.get(&format!("/transactions/{ID}")).await;
    assert_eq!(reply.status, 200);
    let read = &reply.body;
    assert_eq!((&read["id"], &read["status"]), (&json!(ID), &json!("completed")));
    assert_eq!(read["receivedAt"], json!(received));
    assert!(read["endedAt"].is_string());
    assert_eq!((&read["submissions"], &read["nextActionAt"]), (&json!(2), &json!(null)));
    let history: Vec<_> = read["history"].as_array().unwrap().iter().collect();
    let steps = |at: &&Value| (at["status"].clone(), at["cause"].clone());
    let steps: Vec<_> = history.iter().map(steps).collect();
    let step = |status: &str, cause: &str| (json!(status), json!(cause));
    let expected = [
        step("pending", "client"),
        step("submitted", "submission"),
        step("completed", "submission"),
    ];
    assert_eq!(steps, expected);
    assert_eq!(history[0]["at"], json!(received));
    let attempts = read["attempts"].as_array().unwrap();
    let outcome = |it: &Value| (it["number"].clone(), it["outcome"].clone());
    let outcomes: Vec<_> = attempts.iter().map(outcome).collect();
    assert_eq!(outcomes, [(json!(1), json!("unclear")), (json!(2), json!("completed"))]);
    let told = &read["notifications"][0];
    assert!(told["deliveredAt"].is_string(), "{told}");
    let heard = world.client.heard_of(&ID);
    assert_eq!((told["id"].as_str().unwrap(), heard.len()), (heard[0].message(), 1));
    assert_eq!((&told["attempts"], &read["conflicts"]), (&json!(1), &json!([])));
    assert!(!read.to_string().contains("amount"), "the body is not shown");
    for unknown in [nth(1).to_string(), "no-uuid".to_owned()] {
        assert_eq!(world.get(&format!("/transactions/{unknown}")).await.status, 404);
    }
}
