//! A step is taken once, whoever is told of it, and put off while the third party takes no calls.

use std::time::Duration;

use futures_util::future::join;
use penstock_domain::clock::Clock as _;
use penstock_domain::transaction::Message;
use penstock_store::transactions::{self, New};
use penstock_tests::simulators::third_party::{Fate, Status, When};
use penstock_tests::test_app::transactions::Transactions;
use penstock_tests::test_app::{TestApp, batch};

use super::{ID, calls, done, hours, minutes, nth, silent};
use crate::stripe_account::account;

#[tokio::test]
async fn two_deliveries_of_a_message_take_one_step() {
    let world = Transactions::start(560).await;
    world.submit(ID).await;
    drop(world.queue.take());
    let step = || world.take(Message::Transaction(ID));
    assert_eq!(join(step(), step()).await, (0, 0));
    assert_eq!(calls(&world, &ID), "S");
    // A step that is not due is not taken, whoever sends its message.
    assert_eq!(step().await, 0);
    assert_eq!(calls(&world, &ID), "S");
}

#[tokio::test]
async fn no_more_calls_a_second_reach_the_third_party_than_it_takes() {
    let mut world = Transactions::with(561, &[("THIRD_PARTY_RATE_PER_SECOND", "3")]).await;
    world.party.manners(silent());
    let began = world.clock.now();
    for n in 0..12 {
        world.submit(nth(n)).await;
    }
    world.work_for(Duration::from_secs(60)).await;
    for n in 0..12 {
        assert_eq!((world.status(nth(n)).await.as_str(), done(&world, &nth(n))), ("completed", 1));
    }
    let mut at: Vec<i64> = world.party.requests().iter().map(|it| it.at.as_second()).collect();
    assert!(at.len() >= 12 && at.iter().all(|second| *second >= began.as_second()));
    at.sort_unstable();
    for second in at.chunk_by(|a, b| a == b) {
        assert!(second.len() <= 3, "{} calls in a second", second.len());
    }
}

#[tokio::test]
async fn an_outage_of_the_third_party_costs_no_transaction_and_no_submission() {
    let mut world = Transactions::start(562).await;
    world.party.manners(silent());
    let ours = world.party.key();
    world.party.set_key("another key than ours");
    for n in 0..20 {
        world.submit(nth(n)).await;
    }
    world.work_for(Duration::from_secs(4 * 60 * 60)).await;
    let refused = world.party.requests().len();
    assert!(refused < 60, "{refused} calls while none is taken");
    for n in 0..20 {
        assert_eq!((world.status(nth(n)).await.as_str(), done(&world, &nth(n))), ("pending", 0));
    }
    let counted: i64 =
        world.db.scalar("select count(*) from transactions where submissions > 0").await;
    assert_eq!(counted, 0, "what was turned away is no submission");
    world.party.set_key(&ours);
    world.work_for(Duration::from_secs(60 * 60)).await;
    for n in 0..20 {
        assert_eq!((world.status(nth(n)).await.as_str(), done(&world, &nth(n))), ("completed", 1));
    }
}

#[tokio::test]
async fn nothing_is_submitted_again_whose_key_the_third_party_may_have_forgotten() {
    let settings = [("THIRD_PARTY_KEY_LIFETIME_S", "1800")];
    let mut world = Transactions::with(563, &settings).await;
    world.party.manners(silent());
    world.party.terms(|terms| {
        terms.key_lifetime = Duration::from_secs(1_800);
        terms.fates = vec![(Fate::new(Status::Completed, When::Never), 1)];
    });
    world.submit(ID).await;
    world.work_for(Duration::from_secs(26 * 60 * 60)).await;
    assert_eq!(world.status(ID).await, "needs_review");
    assert_eq!((calls(&world, &ID).matches('S').count(), done(&world, &ID)), (1, 1));
}

#[tokio::test]
async fn a_message_of_settle_that_was_received_too_often_is_no_dead_letter() {
    let app = TestApp::over(account(564, 1)).await;
    let messages = [Message::Transaction(ID), Message::Notification(ID)].map(Message::to_body);
    assert_eq!(app.bury.handle(batch(&messages, 6)).await.failures(), 0);
    assert_eq!(app.db.scalar::<i64>("select count(*) from dead_letters").await, 0);
}

#[tokio::test]
async fn relay_sends_the_message_of_a_step_again_that_is_overdue_and_no_other() {
    let app = TestApp::over(account(565, 1)).await;
    let (client, now) = (app.db.client().await, app.clock.now());
    let new = New {
        id: ID,
        sender: "a client",
        body: b"{}",
        body_sha256: b"",
        deadline: now + hours(24),
    };
    transactions::take_in(&client, &new, now + minutes(1), now).await.unwrap();
    let round = async || app.relay.run_once(app.relay_deadline()).await.unwrap().steps;
    assert_eq!(round().await, 0, "it is on its way");
    app.clock.advance(minutes(2));
    assert_eq!(round().await, 1);
    assert_eq!(app.relay.transactions.take(), [Message::Transaction(ID).to_body()]);
    app.clock.advance(minutes(1));
    assert_eq!(round().await, 0, "it has time");
    app.clock.advance(minutes(5));
    assert_eq!(round().await, 1);
}
