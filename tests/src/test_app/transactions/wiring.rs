//! The wiring of a world of transactions.

use std::sync::Arc;

use jiff::Timestamp;
use penstock_clients::aws::Aws;
use penstock_clients::outgoing::Notifier;
use penstock_clients::seals::Seals;
use penstock_clients::secret::Secret;
use penstock_domain::access::hashed;
use penstock_domain::config::Env;
use penstock_domain::ids::KeyId;
use penstock_domain::third_party::Http;
use penstock_domain::transaction::Settings;
use penstock_edge::http::Request;
use penstock_store::api_keys::{self, NewKey, Scope};
use penstock_testkit::{MemoryQueue, TestDatabase};
use serde_json::{Value, json};
use tokio_postgres::Client;
use uuid::Uuid;

use super::{CLIENT_SECRETS, Settle, Transact};
use crate::clock::SetClock;
use crate::simulators::third_party::{NotifiedClient, ThirdPartySimulator};
use crate::test_app::admission;

/// Returns the body of a transaction of this id.
#[must_use]
pub fn body_of(id: Uuid) -> String {
    format!(r#"{{ "id":"{id}", "amount": 10.10, "currency":"EUR" }}"#)
}

/// Returns a request in the gateway's form.
///
/// # Panics
///
/// Never: the event has the gateway's form.
#[must_use]
pub fn request(
    method: &str,
    path_and_query: &str,
    headers: &[(&str, &str)],
    body: &[u8],
) -> Request {
    use base64::Engine as _;
    let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
    let headers: serde_json::Map<String, Value> =
        headers.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect();
    let event = json!({
        "version": "2.0", "rawPath": path, "rawQueryString": query, "headers": headers,
        "requestContext": {"http": {"method": method}, "stage": "$default"},
        "body": base64::engine::general_purpose::STANDARD.encode(body), "isBase64Encoded": true,
    });
    serde_json::from_value(event).expect("it is a request")
}

pub(super) fn records<'a>(messages: impl Iterator<Item = (&'a str, u32)>) -> Vec<Value> {
    let record = |(n, (body, receives)): (usize, (&str, u32))| {
        let attributes = json!({"ApproximateReceiveCount": receives.to_string()});
        json!({"messageId": format!("message-{n}"), "body": body, "attributes": attributes})
    };
    messages.enumerate().map(record).collect()
}

pub(super) fn variables(party: &ThirdPartySimulator, client: &NotifiedClient) -> Env {
    let secrets = json!({"signingSecrets": CLIENT_SECRETS}).to_string();
    let pairs = [
        ("THIRD_PARTY_BASE_URL", party.url()),
        ("THIRD_PARTY_KEY", party.key()),
        // No more than a guard: what is to time out sets less.
        ("THIRD_PARTY_TIMEOUT_S", "20".to_owned()),
        ("CALL_BACK_SECRET", ThirdPartySimulator::secret().to_owned()),
        ("TRANSACT_SPILL_SECRET", "seals of transact".to_owned()),
        ("NOTIFY_URL", client.url()),
        ("NOTIFY_SECRET", secrets),
        ("NOTIFY_PRIVATE_ADDRESSES", "allowed".to_owned()),
    ];
    pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect()
}

pub(super) fn transact(
    db: &TestDatabase,
    env: &Env,
    clock: &SetClock,
    (queue, spill): (&MemoryQueue, &MemoryQueue),
) -> Transact {
    let aws = Arc::new(Aws::default());
    transact::Ports {
        database: db.database_of("transact", 1),
        admission: admission(db.database_of("transact", 1), 1_000_000),
        transactions: queue.clone(),
        spill: spill.clone(),
        seals: Seals::from_env(env, &aws),
        call_back: Secret::from_env(env, &aws, "CALL_BACK_SECRET", "CALL_BACK_SECRET_ARN"),
        party: Some(&Http),
        settings: Settings::from_env(env).expect("the settings are sound"),
        public_base_url: None,
        clock: clock.clone(),
    }
}

pub(super) fn settle(
    db: &TestDatabase,
    env: &Env,
    clock: &SetClock,
    queue: &MemoryQueue,
) -> Settle {
    let aws = Arc::new(Aws::default());
    settle::Ports {
        database: db.database_of("settle", 2),
        party: settle::third_party(env, &aws, clock.clone()).expect("the settings are sound"),
        notifier: Notifier::from_env(env, &aws, clock.clone()).expect("the settings are sound"),
        transactions: queue.clone(),
        settings: Settings::from_env(env).expect("the settings are sound"),
        calls: settle::Calls::from_env(env).expect("the settings are sound"),
        clock: clock.clone(),
    }
}

pub(super) async fn add_key(on: &Client, (name, key, scope): (&str, &str, Scope), now: Timestamp) {
    let (sha256, _) = hashed(key.as_bytes());
    let new = NewKey { id: KeyId::new(now).0, name, scope, sha256, rate_per_second: None };
    assert!(api_keys::insert(on, new, now).await.expect("a key"), "it is new");
}
