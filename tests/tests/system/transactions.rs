//! Transactions from the gateway to the third party's decision and the message to the client.

use std::collections::BTreeSet;
use std::ops::ControlFlow;

use penstock_tests::stack::{Parties, eventually};

use crate::deployed_app::{DeployedApp, SOON};

/// Transactions that are posted.
const COUNT: usize = 20;

/// Transactions that have not ended, and messages that were not delivered.
const LEFT: &str = "select (select count(*) from transactions where status not in ('completed', 'declined', 'failed')), \
                    (select count(*) from notifications where delivered_at is null)";

#[tokio::test]
async fn each_transaction_ends_as_the_third_party_decides_and_its_client_is_told_once() {
    let parties = Parties::start(53).unwrap();
    let app = DeployedApp::with_parties("sys-transactions", &parties).await;
    let gateway = app.stack.gateway().unwrap();
    let key = app.stack.key("ingest", "the system test").await.unwrap();
    let read = app.stack.key("read", "the system test").await.unwrap();
    for _ in 0..COUNT {
        parties.post(&gateway, &key).await.unwrap();
        parties.call_back(&gateway).await;
    }
    let ended = eventually("the end of all transactions", SOON, async || {
        parties.call_back(&gateway).await;
        let left = app.sql.query_one(LEFT, &[]).await?;
        let left: (i64, i64) = (left.try_get(0)?, left.try_get(1)?);
        Ok(if left == (0, 0) { ControlFlow::Break(()) } else { ControlFlow::Continue(left) })
    });
    if let Err(e) = ended.await {
        panic!("{e}\n{}", app.stack.last_words(20));
    }

    let mut statuses = BTreeSet::new();
    for id in parties.posted() {
        let told = gateway.get(&format!("/transactions/{id}"), &read).await.unwrap();
        let status = told["status"].as_str().unwrap().to_owned();
        assert_eq!(parties.difference(&id, &status), None, "{told}");
        statuses.insert(status);
    }
    assert_eq!(parties.posted().len(), COUNT);
    assert_eq!(statuses.iter().map(String::as_str).collect::<Vec<_>>(), WANTED);
    let requests = parties.third_party.requests();
    let faulty = requests.iter().filter(|request| request.fault.is_some()).count();
    assert!(faulty * 10 > requests.len(), "{faulty} of {} requests failed", requests.len());
    let refused = parties.client.heard().iter().filter(|heard| heard.answer != Some(204)).count();
    assert_eq!(refused, 3, "the client has taken everything at once");
}

/// The ends that transactions have with this seed.
const WANTED: [&str; 3] = ["completed", "declined", "failed"];
