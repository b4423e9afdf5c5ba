//! `make watch` from nothing, as a developer runs it in a shell.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod processes;
mod session;

use std::ops::ControlFlow;

use penstock_tests::simulators::stripe::{AccountSpec, StripeAccount, StripeSimulator};
use penstock_tests::stack::{Gateway, eventually};
use serde_json::json;

use crate::processes::{Process, descendants};
use crate::session::{PATIENCE, Session};

#[tokio::test]
async fn make_watch_serves_what_it_prints_and_ctrl_c_ends_all_that_it_started() {
    let stripe = StripeSimulator::start(StripeAccount::new(AccountSpec::new(1, 20))).unwrap();
    let mut session =
        Session::start(&[("STRIPE_API_KEY", stripe.key()), ("STRIPE_BASE_URL", stripe.url())]);
    let url = session.word("http://127.0.0.1:").await;
    let read_key = session.word("penstock_read_").await;
    let ingest_key = session.word("penstock_ingest_").await;
    let admin_key = session.word("penstock_admin_").await;
    session.line("curl").await;
    let invocation = session.line("cargo-lambda lambda invoke").await;

    let api = Gateway::at(url);
    assert_eq!(api.reply("/healthz", None).await.unwrap().status, 200);
    assert_eq!(api.reply("/stats", None).await.unwrap().status, 401);
    assert!(api.get("/stats", &read_key).await.unwrap()["pending"].is_array());
    let event = json!({
        "eventId": "e-1", "userId": "u-1", "sessionId": "s-1", "eventType": "click", "payload": {},
    });
    let headers = [("x-api-key", ingest_key.as_str()), ("content-type", "application/json")];
    let taken = api.post("/events", &headers, event.to_string()).await.unwrap();
    assert_eq!(taken.status, 201, "{taken:?}");

    let headers = [("x-admin-api-key", admin_key.as_str()), ("idempotency-key", "1")];
    let accepted = api.post("/trigger/stripe/full", &headers, String::new()).await.unwrap();
    assert_eq!(accepted.status, 202, "{accepted:?}");

    // Both go on through queues of LocalStack, which call `process` and `fetch`.
    let journey = eventually("the event is processed", PATIENCE, async || {
        let journey = api.get("/users/u-1/journey", &read_key).await?;
        let found = journey["events"][0]["eventId"] == "e-1";
        Ok(if found { ControlFlow::Break(()) } else { ControlFlow::Continue(journey) })
    });
    journey.await.unwrap_or_else(|e| panic!("{e}\n{}", session.output()));
    // Taken twice: a function that has ended by then was started all the same.
    let mut started = descendants(session.id());
    let runs =
        eventually("Stripe's charges, refunds and disputes are pulled", PATIENCE, async || {
            let runs = api.get("/runs?status=succeeded", &read_key).await?;
            let done = runs["runs"].as_array().is_some_and(|runs| runs.len() == 3);
            Ok(if done { ControlFlow::Break(()) } else { ControlFlow::Continue(runs) })
        });
    runs.await.unwrap_or_else(|e| panic!("{e}\n{}", session.output()));
    let answer = session.run(&invocation).await;
    assert!(answer.contains("\"ticketed\""), "{invocation}\n{answer}");

    started.extend(descendants(session.id()));
    for name in ["cargo-lambda", "postgres", "python", "admin", "fetch", "process", "relay"] {
        assert!(
            started.iter().any(|p| p.name == name),
            "no {name} among {started:?}\n{}",
            session.output()
        );
    }
    session.interrupt().await;
    let left = eventually("every process has ended", PATIENCE, async || {
        let left: Vec<&Process> = started.iter().filter(|process| process.is_alive()).collect();
        Ok(if left.is_empty() { ControlFlow::Break(()) } else { ControlFlow::Continue(left) })
    });
    left.await.unwrap();
}
