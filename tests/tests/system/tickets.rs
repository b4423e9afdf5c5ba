//! A ticket is only a ticket: lost, it is sent again; sent again, it works again.

use jiff::SignedDuration;
use penstock_domain::ids::OutboxId;
use serde_json::json;

use crate::rig::{Rig, charge, charges, tickets};

#[tokio::test]
async fn a_lost_ticket_is_sent_again_by_relay() {
    let rig = Rig::new("sys-relay", &[]).await;
    rig.insert(&charges(3), SignedDuration::from_secs(-1)).await;
    let mut round = rig.stack.invoke("relay", &json!({})).await.unwrap();
    assert!(round["oldest_pending_s"].take().is_u64(), "{round}");
    assert_eq!(
        round,
        json!({"ticketed": 3, "runs": 0, "looks": 0, "purged": 0, "oldest_pending_s": null})
    );
    rig.drain().await;
    assert_eq!(rig.outbox().await.processed, 3);

    // What is processed is left alone.
    let round = rig.stack.invoke("relay", &json!({})).await.unwrap();
    assert_eq!(round["ticketed"], 0);
}

#[tokio::test]
async fn a_lost_ticket_is_sent_again_by_the_rule_that_calls_relay() {
    let rig =
        Rig::new("sys-rule", &[("SchedulesState", "ENABLED"), ("FetchSchedule", "rate(1 day)")])
            .await;
    rig.insert(&charges(3), SignedDuration::from_secs(-1)).await;
    rig.until("three processed rows", "select count(*) = 3 from outbox where status = 'processed'")
        .await;
}

/// What a replay is, until there is a function for it: the row pending again, and a fresh ticket.
async fn replay(rig: &Rig, id: OutboxId) {
    let again =
        "update outbox set status = 'pending', attempts = 0 where id = $1 and status = 'dead'";
    assert_eq!(rig.sql.execute(again, &[&id.0]).await.unwrap(), 1);
    rig.stack.tickets().send(tickets(&[id])).await.unwrap();
    rig.drain().await;
}

#[tokio::test]
async fn trap_24_a_replay_works_as_often_as_it_is_asked_for() {
    let rig = Rig::new("sys-trap-24", &[]).await;
    let ids = rig.insert(&[charge(0, "dollars")], SignedDuration::from_hours(1)).await;
    rig.stack.tickets().send(tickets(&ids)).await.unwrap();
    rig.drain().await;
    let died = "select count(*), max(created_at)::text from dead_letters";
    let first = rig.sql.query_one(died, &[]).await.unwrap();
    assert_eq!(first.get::<_, i64>(0), 1);

    // The first time nothing was repaired, and it dies again; one letter, with the newest verdict.
    replay(&rig, ids[0]).await;
    let second = rig.sql.query_one(died, &[]).await.unwrap();
    assert_eq!(second.get::<_, i64>(0), 1);
    assert!(second.get::<_, String>(1) > first.get::<_, String>(1), "the replay did nothing");

    // The second time it can be read (as if the code had been repaired).
    let payload = charge(0, "usd").into_bytes();
    rig.sql.execute("update outbox set payload = $1", &[&payload]).await.unwrap();
    replay(&rig, ids[0]).await;
    assert_eq!(rig.outbox().await.processed, 1);
    assert_eq!(rig.versions().await.len(), 1);
}
