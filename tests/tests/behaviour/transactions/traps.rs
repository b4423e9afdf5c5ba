//! The traps of transactions.

use std::time::Duration;

use fastrand::Rng;
use futures_util::future::join;
use penstock_domain::clock::Clock as _;
use penstock_domain::transaction::Message;
use penstock_tests::simulators::third_party::{
    CallBack, Fate, Fault, Manners, Status, ThirdPartySimulator, When,
};
use penstock_tests::test_app::transactions::{Delivery, Transactions};
use penstock_tests::thorough::part;
use serde_json::json;

use super::{ID, calls, done, hours, minutes, nth, silent};

#[tokio::test]
async fn trap_39_after_a_timeout_that_has_done_the_work_it_is_asked_and_not_submitted_again() {
    let settings = [("THIRD_PARTY_TIMEOUT_S", "5")];
    let mut world = Transactions::with(39, &settings).await;
    world.party.manners(silent());
    let faults = [Fault::HeldAfter, Fault::CutAfter, Fault::TimedOutAfter, Fault::Garbage];
    for (n, fault) in (0..).zip(faults) {
        world.party.faults().next("POST", fault);
        world.submit(nth(n)).await;
        world.work_for(minutes(10)).await;
        assert_eq!(world.status(nth(n)).await, "completed", "{fault:?}");
        assert_eq!((calls(&world, &nth(n)).as_str(), done(&world, &nth(n))), ("SQ", 1));
    }
}

#[tokio::test]
async fn trap_39_after_a_timeout_that_has_done_nothing_it_is_asked_and_then_submitted_again() {
    let mut world = Transactions::start(391).await;
    world.party.manners(silent());
    let late = Fault::Late(Duration::from_secs(30));
    let faults = [Fault::Before(500), Fault::Before(504), Fault::ResetBefore, Fault::Html, late];
    for (n, fault) in (0..).zip(faults) {
        world.party.faults().next("POST", fault);
        world.submit(nth(n)).await;
        world.work_for(minutes(30)).await;
        assert_eq!(world.status(nth(n)).await, "completed", "{fault:?}");
        let (calls, done) = (calls(&world, &nth(n)), done(&world, &nth(n)));
        assert!(calls.starts_with("SQ"), "{fault:?}: {calls}");
        assert_eq!((calls.matches('S').count() <= 2, done), (true, 1), "{fault:?}: {calls}");
        let keys = world.party.requests_of(&nth(n)).into_iter().filter_map(|it| it.key);
        assert!(keys.into_iter().all(|key| key == nth(n).to_string()), "the id is the key");
    }
}

#[tokio::test]
async fn trap_40_call_back_poll_and_timeout_in_any_order_give_the_third_partys_word() {
    let mut world = Transactions::start(40).await;
    for seed in 0..part(240) {
        let mut drawn = Rng::with_seed(seed);
        let id = nth(u128::from(seed));
        let decision = [Status::Completed, Status::Declined, Status::Failed][drawn.usize(0..3)];
        let pause = Duration::from_millis(drawn.u64(0..20_000));
        let when = [When::AtOnce, When::Asked(drawn.u32(1..4)), When::After(pause)];
        world.party.destine(id, Fate::new(decision, when[drawn.usize(0..3)]));
        world.party.manners(Manners {
            never: 200,
            twice: 500,
            older_after: 500,
            delay: Duration::from_millis(drawn.u64(0..10_000)),
            ..Manners::default()
        });
        let faults = [Fault::CutAfter, Fault::TimedOutAfter, Fault::Garbage, Fault::Hidden];
        if drawn.bool() {
            world.party.faults().next("POST", faults[drawn.usize(0..3)]);
        }
        if drawn.bool() {
            world.party.faults().next("GET", faults[drawn.usize(0..4)]);
        }
        let late = Duration::from_millis(drawn.u64(0..5_000));
        world.delivery = Delivery { twice: drawn.bool(), late, ..Delivery::default() };
        world.submit(id).await;
        world.work_for(hours(2)).await;
        world.party.faults().clear();
        assert_eq!(world.status(id).await, decision.as_str(), "seed {seed}");
        assert_eq!(done(&world, &id), 1, "seed {seed}: {}", calls(&world, &id));
        assert_eq!(world.client.told_of(&id), [decision.as_str()], "seed {seed}");
        let states = world.states(id).await;
        assert_eq!(states, format!("submitted {}", decision.as_str()), "seed {seed}");
    }
    let conflicts: i64 = world.db.scalar("select count(*) from transaction_conflicts").await;
    assert_eq!(conflicts, 0, "an older pending contradicts nothing");
}

#[tokio::test]
async fn trap_41_a_call_back_before_the_submissions_own_reply_is_right() {
    let mut world = Transactions::start(41).await;
    for (n, fault) in (0..).zip([None, Some(Fault::CutAfter), Some(Fault::TimedOutAfter)]) {
        let id = nth(n);
        // The reply says `pending`: it was written before the decision, and arrives after it.
        world.party.destine(id, Fate::new(Status::Completed, When::Never));
        if let Some(fault) = fault {
            world.party.faults().next("POST", fault);
        }
        world.submit(id).await;
        let mut gate = world.party.hold_reply();
        let (failures, reply) = join(world.take(Message::Transaction(id)), async {
            gate.reached().await;
            world.party.decide(&id, Status::Completed);
            let told = world.party.due_call_backs().remove(0);
            let reply = world.call_back(&told).await;
            gate.release();
            reply
        })
        .await;
        assert_eq!((failures, reply.status, &reply.body["outcome"]), (0, 200, &json!("applied")));
        assert_eq!(world.status(id).await, "completed");
        world.work_for(hours(1)).await;
        assert_eq!(world.states(id).await, "submitted completed");
        assert_eq!(world.client.told_of(&id), ["completed"]);
        assert_eq!((calls(&world, &id).as_str(), done(&world, &id)), ("S", 1));
    }
}

#[tokio::test]
async fn trap_42_a_call_back_without_a_good_signature_changes_nothing() {
    let mut world = Transactions::start(42).await;
    world.party.destine(ID, Fate::new(Status::Completed, When::Never));
    world.submit(ID).await;
    world.work().await;
    let other = "whsec_c29tZWJvZHkgZWxzZSdzIHNpZ25pbmcgc2VjcmV0";
    let row = "select status || ' ' || revision from transactions where id = $1";
    let before = world.text(row, ID).await;
    for (bad, call_back) in forged(&world, other) {
        let reply = world.call_back(&call_back).await;
        assert_eq!(reply.status, 400, "{bad}: {reply:?}");
        assert_eq!(world.text(row, ID).await, before, "{bad}");
    }
    world.party.say(ID, Status::Declined);
    let late = world.party.due_call_backs().remove(0);
    world.clock.set(world.clock.now() + Duration::from_secs(301));
    assert_eq!(world.call_back(&late).await.status, 400, "it is too old");
    assert_eq!(world.text(row, ID).await, before);
    // While the secret is rotated, the third party signs with both.
    world.party.sign_with(&[other, ThirdPartySimulator::secret()]);
    world.party.say(ID, Status::Completed);
    let good = world.party.due_call_backs().remove(0);
    let reply = world.call_back(&good).await;
    assert_eq!((reply.status, &reply.body["outcome"]), (200, &json!("applied")));
    assert_eq!(world.status(ID).await, "completed");
    let again = world.call_back(&good).await;
    assert_eq!((again.status, &again.body["outcome"]), (200, &json!("known")));
    world.transact.call_back = None;
    assert_eq!(world.call_back(&good).await.status, 404, "no secret, no call-backs");
}

/// Call-backs that say `completed`, and that nobody may believe.
fn forged(world: &Transactions, other: &str) -> Vec<(&'static str, CallBack)> {
    let said = || {
        world.party.say(ID, Status::Completed);
        world.party.due_call_backs().remove(0)
    };
    let changed = |change: &dyn Fn(&mut CallBack)| {
        let mut call_back = said();
        change(&mut call_back);
        call_back
    };
    let without =
        |name: &'static str| changed(&|it| it.headers.retain(|(header, _)| *header != name));
    let mut forged = vec![
        ("no signature", without("webhook-signature")),
        ("no time", without("webhook-timestamp")),
        ("no id", without("webhook-id")),
        (
            "another body",
            changed(&|it| it.body = format!(r#"{{"id":"{ID}","status":"failed"}}"#).into()),
        ),
        ("another id", changed(&|it| it.headers[1].1 = "msg_other".to_owned())),
        ("another scheme", changed(&|it| it.headers[3].1 = it.headers[3].1.replace("v1,", "v1a,"))),
    ];
    world.party.sign_with(&[other]);
    forged.push(("another secret", said()));
    world.party.sign_with(&[ThirdPartySimulator::secret()]);
    forged
}

#[tokio::test]
async fn trap_43_what_is_given_up_has_a_reason_is_listed_and_goes_on_when_a_person_resumes_it() {
    let mut world = Transactions::start(43).await;
    world.party.manners(silent());
    // It is done, and the third party does not say so.
    let (doubtful, unsent) = (nth(0), nth(1));
    world.submit(doubtful).await;
    world.party.faults().next("POST", Fault::CutAfter);
    world.party.faults().always("GET", Fault::Before(500));
    world.work().await;
    // This one never reaches it.
    world.party.faults().always("POST", Fault::TooMany(30));
    world.submit(unsent).await;
    world.work_for(hours(25)).await;
    for (id, status, failure) in
        [(doubtful, "needs_review", json!(null)), (unsent, "failed", json!("not_done"))]
    {
        assert_eq!(world.status(id).await, status);
        let listed = world.get(&format!("/transactions?status={status}")).await.body;
        let listed = &listed["transactions"];
        assert_eq!((listed.as_array().unwrap().len(), &listed[0]["id"]), (1, &json!(id)));
        assert_eq!(listed[0]["failure"], failure);
        assert!(listed[0]["reason"].as_str().unwrap().contains("HTTP"), "{listed}");
    }
    assert_eq!((done(&world, &doubtful), done(&world, &unsent)), (1, 0));
    assert_eq!(world.client.told_of(&unsent), ["failed"]);
    assert!(world.client.told_of(&doubtful).is_empty(), "nothing is certain");
    world.party.faults().clear();
    for id in [doubtful, unsent] {
        let path = format!("/admin/transactions/{id}/resume");
        let reply = world.operate(&path, &json!({"why": "the third party is back"})).await;
        assert_eq!((reply.status, &reply.body["id"]), (200, &json!(id)), "{reply:?}");
        world.work_for(hours(2)).await;
        assert_eq!((world.status(id).await.as_str(), done(&world, &id)), ("completed", 1));
        assert_eq!(world.operate(&path, &json!(null)).await.status, 409, "it is decided");
    }
    assert_eq!(calls(&world, &doubtful).matches('S').count(), 1);
    assert_eq!(world.client.told_of(&doubtful), ["completed"]);
    assert_eq!(world.client.told_of(&unsent), ["failed", "completed"]);
    let trail = "select string_agg(format('%s %s %s %s', actor_kind, action, object, why), ', ' order by seq) \
                 from audit_log";
    let resumed = |id| format!("key transaction.resumed {id} the third party is back");
    let resumed = [doubtful, unsent].map(resumed).join(", ");
    assert_eq!(world.db.scalar::<String>(trail).await, resumed);
    let nobody = format!("/admin/transactions/{ID}/resume");
    assert_eq!(world.operate(&nobody, &json!(null)).await.status, 404);
}

#[tokio::test]
async fn trap_43_the_third_partys_own_late_word_ends_what_was_given_up() {
    let mut world = Transactions::start(431).await;
    world.party.destine(ID, Fate::new(Status::Declined, When::Never));
    world.submit(ID).await;
    world.work_for(hours(25)).await;
    assert_eq!(world.status(ID).await, "needs_review");
    world.party.decide(&ID, Status::Declined);
    world.work_for(minutes(1)).await;
    assert_eq!(world.states(ID).await, "submitted needs_review declined");
    assert_eq!(world.client.told_of(&ID), ["declined"]);
    // A word against a final state is kept for a person, once.
    for _ in 0..2 {
        world.party.say(ID, Status::Completed);
    }
    world.work().await;
    assert_eq!(world.states(ID).await, "submitted needs_review declined");
    let kept = "select said || ' ' || cause || ' ' || status || ' ' || times
                from transaction_conflicts where transaction_id = $1";
    assert_eq!(world.text(kept, ID).await, "completed call_back declined 2");
}
