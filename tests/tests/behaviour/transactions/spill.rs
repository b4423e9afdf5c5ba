//! While Postgres is away, transactions and call-backs take the way through SQS, and come in once.

use std::sync::Arc;

use penstock_domain::clock::Clock as _;
use penstock_store::{Database, StaticLogin, Tls, api_keys};
use penstock_tests::simulators::third_party::{Fate, Status, When};
use penstock_tests::test_app::admission;
use penstock_tests::test_app::transactions::{Transactions, body_of};
use serde_json::json;

use super::{ID, done, minutes, nth};

/// Returns a pool for an address at which no server listens.
fn nowhere(world: &Transactions) -> Database {
    let mut login = world.db.login();
    login.port = 1;
    Database::new(Arc::new(StaticLogin(login)), Tls::Disable, None, 1).unwrap()
}

/// Cuts `transact` off from its database.
pub fn cut_off(world: &mut Transactions) {
    world.transact.database = nowhere(world);
    world.transact.admission = admission(nowhere(world), 1_000_000);
}

/// Ends the outage.
pub fn mend(world: &mut Transactions) {
    world.transact.database = world.db.database_of("transact", 1);
    world.transact.admission = admission(world.db.database_of("transact", 1), 1_000_000);
}

#[tokio::test]
async fn while_postgres_is_away_a_transaction_is_202_and_it_comes_in_once_by_the_spill_queue() {
    let mut world = Transactions::start(511).await;
    cut_off(&mut world);
    for n in 0..5 {
        for _ in 0..2 {
            let reply = world.post(body_of(nth(n)).as_bytes()).await;
            let expected = json!({"id": nth(n), "status": "pending"});
            assert_eq!((reply.status, reply.body), (202, expected));
        }
    }
    assert_eq!(world.post(b"{}").await.status, 400, "a bad body is refused without Postgres, too");
    let mut spilled = world.spill.take();
    assert_eq!(spilled.len(), 10);
    assert_eq!(world.bring_in(&spilled).await, 10, "it is still away");
    mend(&mut world);
    fastrand::Rng::with_seed(511).shuffle(&mut spilled);
    for _ in 0..2 {
        assert_eq!(world.bring_in(&spilled).await, 0);
    }
    world.work_for(minutes(1)).await;
    for n in 0..5 {
        assert_eq!((world.status(nth(n)).await.as_str(), done(&world, &nth(n))), ("completed", 1));
        assert_eq!(world.client.told_of(&nth(n)), ["completed"]);
    }
}

#[tokio::test]
async fn a_call_back_that_came_while_postgres_was_away_is_applied_and_may_overtake_its_transaction()
{
    let mut world = Transactions::start(512).await;
    cut_off(&mut world);
    assert_eq!(world.post(body_of(ID).as_bytes()).await.status, 202);
    let transaction = world.spill.take();
    world.party.destine(ID, Fate::new(Status::Declined, When::Never));
    world.party.say(ID, Status::Declined);
    let call_back = world.party.due_call_backs().remove(0);
    let reply = world.call_back(&call_back).await;
    assert_eq!((reply.status, &reply.body["outcome"]), (202, &json!("spilled")));
    let call_back = world.spill.take();
    mend(&mut world);
    assert_eq!(world.bring_in(&call_back).await, 1, "its transaction may be behind it");
    assert_eq!(world.bring_in(&transaction).await, 0);
    assert_eq!(world.bring_in(&call_back).await, 0);
    world.work_for(minutes(1)).await;
    assert_eq!(world.status(ID).await, "declined");
    assert_eq!(done(&world, &ID), 0, "it was decided before it was submitted");
}

#[tokio::test]
async fn another_body_under_a_spilled_id_is_not_dropped_silently_and_the_first_stays() {
    let mut world = Transactions::start(513).await;
    cut_off(&mut world);
    assert_eq!(world.post(body_of(ID).as_bytes()).await.status, 202);
    let other = format!(r#"{{"id":"{ID}"}}"#);
    assert_eq!(world.post(other.as_bytes()).await.status, 202);
    let spilled = world.spill.take();
    mend(&mut world);
    assert_eq!(world.bring_in(&spilled[..1]).await, 0);
    assert_eq!(world.bring_in(&spilled[1..]).await, 1, "its dead letter is for a person");
    world.work_for(minutes(1)).await;
    assert_eq!(world.party.entry(&ID).unwrap().effects[0].body, body_of(ID).as_bytes());
}

#[tokio::test]
async fn what_cannot_be_kept_anywhere_is_a_503_and_a_stranger_is_not_let_in() {
    let mut world = Transactions::start(514).await;
    cut_off(&mut world);
    world.spill.refuse(true);
    let reply = world.post(body_of(ID).as_bytes()).await;
    assert_eq!((reply.status, reply.headers["retry-after"].to_str().unwrap()), (503, "30"));
    world.spill.refuse(false);
    let stranger = [("X-Api-Key", "a-key-that-proves-nothing")];
    let reply = world.ask("POST", "/transactions", &stranger, body_of(ID).as_bytes()).await;
    assert!([401, 503].contains(&reply.status), "{reply:?}");
    assert!(world.spill.take().is_empty());
    // A key that proves itself by its mark is looked up on the way in.
    assert_eq!(world.post(body_of(ID).as_bytes()).await.status, 202);
    let spilled = world.spill.take();
    let client = world.db.client().await;
    let id = world.db.scalar("select id from api_keys where name = 'client'").await;
    assert!(api_keys::revoke(&client, id, world.clock.now()).await.unwrap());
    mend(&mut world);
    assert_eq!(world.bring_in(&spilled).await, 1, "it was revoked meanwhile");
    assert_eq!(world.db.scalar::<i64>("select count(*) from transactions").await, 0);
}

#[tokio::test]
async fn a_message_that_the_queue_does_not_take_changes_no_reply_and_is_sent_again() {
    let mut world = Transactions::start(515).await;
    world.queue.refuse(true);
    world.submit(ID).await;
    world.queue.refuse(false);
    world.work_for(minutes(5)).await;
    assert_eq!((world.status(ID).await.as_str(), done(&world, &ID)), ("completed", 1));
}
