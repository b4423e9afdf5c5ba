//! The lines of transactions that alarms count.

use futures_util::future::join;
use penstock_domain::transaction::Message;
use penstock_tests::captured_log::CapturedLog;
use penstock_tests::simulators::third_party::{ClientFault, Fate, Status, When};
use penstock_tests::test_app::transactions::{Transactions, body_of};

use super::filters::{Told, told};
use crate::transactions::spill::{cut_off, mend};
use crate::transactions::{ID, hours, minutes, nth, silent};

/// Lines of one transaction that is decided, one that is not, and one whose client is gone.
async fn of_settle() -> [Told; 2] {
    let mut world = Transactions::start(6_130).await;
    world.party.manners(silent());
    world.party.destine(nth(0), Fate::new(Status::Completed, When::Never));
    let log = CapturedLog::start();
    world.submit(nth(0)).await;
    world.submit(nth(1)).await;
    world.work_for(minutes(1)).await;
    world.client.faults().next("/hooks", ClientFault::Status(410));
    world.submit(nth(2)).await;
    world.work_for(hours(25)).await;
    let text = log.text();
    let filters = ["TransactionNeedsReviewFilter", "ClientNeverToldFilter"];
    filters.map(|filter| Told { filter, text: text.clone(), matching: 1 })
}

/// A call-back comes first, and then the reply says something else.
async fn contradicted_by_a_reply() -> Told {
    let world = Transactions::start(6_131).await;
    world.submit(ID).await;
    let log = CapturedLog::start();
    let mut gate = world.party.hold_reply();
    join(world.take(Message::Transaction(ID)), async {
        gate.reached().await;
        world.party.say(ID, Status::Declined);
        let told = world.party.due_call_backs().pop().unwrap();
        assert_eq!(world.call_back(&told).await.status, 200);
        gate.release();
    })
    .await;
    told("SettleContradictedFilter", &log, 1)
}

/// A transaction is completed, and a call-back says that it was declined.
async fn contradicted_by_a_call_back() -> Told {
    let mut world = Transactions::start(6_132).await;
    world.party.manners(silent());
    world.submit(ID).await;
    let log = CapturedLog::start();
    world.work_for(minutes(1)).await;
    world.party.say(ID, Status::Declined);
    let told_so = world.party.due_call_backs().pop().unwrap();
    assert_eq!(world.call_back(&told_so).await.status, 200);
    told("TransactionContradictedFilter", &log, 1)
}

/// A spilled transaction, another body under its id, and a message that nobody has sealed. Then one
/// that cannot be kept at all.
async fn spilled() -> [Told; 3] {
    let mut world = Transactions::start(6_133).await;
    cut_off(&mut world);
    let log = CapturedLog::start();
    for body in [body_of(ID), format!(r#"{{"id":"{ID}"}}"#)] {
        assert_eq!(world.post(body.as_bytes()).await.status, 202);
    }
    let mut messages = world.spill.take();
    world.spill.refuse(true);
    assert_eq!(world.post(body_of(ID).as_bytes()).await.status, 503);
    mend(&mut world);
    messages.push(messages[0].replacen("pending", "", 1) + "x");
    assert_eq!(world.bring_in(&messages).await, 2);
    let text = log.text();
    ["TransactSpillRefusedFilter", "SpilledTransactionConflictsFilter", "TransactRefusedFilter"]
        .map(|filter| Told { filter, text: text.clone(), matching: 1 })
}

/// The lines of all filters of `transact` and `settle`.
pub(super) async fn transactions() -> Vec<Told> {
    let mut all = vec![
        Box::pin(contradicted_by_a_reply()).await,
        Box::pin(contradicted_by_a_call_back()).await,
    ];
    all.extend(Box::pin(of_settle()).await);
    all.extend(Box::pin(spilled()).await);
    all
}
