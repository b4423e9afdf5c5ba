//! A ticket carries no data: a lost one is sent again, and one that is sent again works again.

use axum::http::Method;
use jiff::SignedDuration;
use penstock_domain::ids::OutboxId;
use serde_json::json;

use crate::deployed_app::{DeployedApp, charge, charges, tickets};

#[tokio::test]
async fn a_lost_ticket_is_sent_again_by_relay() {
    let app = DeployedApp::new("sys-relay", &[]).await;
    app.insert(&charges(3), SignedDuration::from_secs(-1)).await;
    let mut round = app.stack.invoke("relay", &json!({})).await.unwrap();
    assert!(round["oldest_pending_s"].take().is_u64(), "{round}");
    assert_eq!(
        round,
        json!({"ticketed": 3, "runs": 0, "looks": 0, "steps": 0, "items": 0, "folded": 0, "unfolded": 0, "purged": 0, "erased": 0, "oldest_pending_s": null, "stalest_s": 0, "partition_days_ahead": 7})
    );
    app.drain().await;
    assert_eq!(app.outbox().await.processed, 3);

    // What is processed is left alone.
    let round = app.stack.invoke("relay", &json!({})).await.unwrap();
    assert_eq!(round["ticketed"], 0);
}

/// Replays a row as an operator does: over HTTP. `relay` puts it back to work with a fresh ticket.
async fn replay(app: &DeployedApp, admin: &str, id: OutboxId) {
    let gateway = app.stack.gateway().unwrap();
    let keyed = [("x-admin-api-key", admin)];
    let path = format!("/admin/events/{id}/replay");
    let started = gateway.post(&path, &keyed, String::new()).await.unwrap();
    assert_eq!(started.status, 202, "{}", started.body);
    let round = app.stack.invoke("relay", &json!({})).await.unwrap();
    assert_eq!(round["items"], 1, "{round}");
    app.drain().await;
    // The next round sees what became of it.
    app.stack.invoke("relay", &json!({})).await.unwrap();
    let job = started.json().unwrap()["jobId"].as_str().unwrap().to_owned();
    let told = gateway.ask(Method::GET, &format!("/admin/jobs/{job}"), &keyed).await.unwrap();
    assert_eq!(told.json().unwrap()["state"], "completed", "{}", told.body);
}

#[tokio::test]
async fn trap_24_a_replay_works_as_often_as_it_is_asked_for() {
    let app = DeployedApp::new("sys-trap-24", &[]).await;
    let admin = app.stack.key("admin", "operator").await.unwrap();
    let ids = app.insert(&[charge(0, "dollars")], SignedDuration::from_hours(1)).await;
    app.stack.tickets().send(tickets(&ids)).await.unwrap();
    app.drain().await;
    let died = "select count(*), max(created_at)::text from dead_letters";
    let first = app.sql.query_one(died, &[]).await.unwrap();
    assert_eq!(first.get::<_, i64>(0), 1);

    // The first time the row was not repaired, so it dies again. There is one letter, with the
    // newest error.
    replay(&app, &admin, ids[0]).await;
    let second = app.sql.query_one(died, &[]).await.unwrap();
    assert_eq!(second.get::<_, i64>(0), 1);
    assert!(second.get::<_, String>(1) > first.get::<_, String>(1), "the replay did nothing");

    // The second time it can be read (as if the code had been repaired).
    let payload = charge(0, "usd").into_bytes();
    app.sql.execute("update outbox set payload = $1", &[&payload]).await.unwrap();
    replay(&app, &admin, ids[0]).await;
    assert_eq!(app.outbox().await.processed, 1);
    assert_eq!(app.versions().await.len(), 1);
    let gateway = app.stack.gateway().unwrap();
    let keyed = [("x-admin-api-key", admin.as_str())];
    let metrics = gateway.ask(Method::GET, "/admin/metrics", &keyed).await.unwrap();
    let queues = metrics.json().unwrap()["queues"].as_array().unwrap().len();
    assert_eq!((metrics.status, queues), (200, 12), "{}", metrics.body);
}
