//! The vendors' own SDKs as oracles: they accept what our simulators sign, and `webhook` accepts
//! what they sign. They are in the environment of Schemathesis (infra/local/contract.in).

use std::path::Path;
use std::process::Stdio;

use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_domain::signature::{SigningSecrets, verify};
use penstock_domain::source::hubspot::HubSpot;
use penstock_domain::source::stripe::Stripe;
use penstock_domain::source::{Signed, WebhookRequest};
use penstock_tests::simulators::{hubspot, stripe};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt as _;
use tokio::process::Command;

use crate::clients::program;

const SECRET: &str = "a signing secret of these tests";

const BODIES: [&str; 4] = [
    "",
    r#"[{"eventId":1,"subscriptionType":"deal.creation","objectId":123}]"#,
    "{\n  \"id\": \"evt_1\", \"object\": \"event\", \"note\": \"Zoë 李 \u{1f600}\"\n}",
    "[]",
];

/// URLs without a character that HubSpot decodes: the SDK leaves that to its caller.
const URLS: [&str; 4] = [
    "https://hooks.example.com/webhooks/hubspot",
    "https://hooks.example.com/prod/webhooks/hubspot?env=live&utm_source=hubspot",
    "https://hooks.example.com/webhooks/hubspot?b=2&a=1&a=3",
    "https://hooks.example.com/webhooks/hubspot?name=a%20b+c%26d",
];

/// The SDK's word on a request.
#[derive(Debug, Deserialize)]
struct Verdict {
    /// The signature that it makes itself.
    made: String,
    /// Whether it accepts the signature of our simulator.
    accepts: bool,
}

/// Asks the SDKs.
pub async fn ask<A: DeserializeOwned>(requests: &[Value]) -> Vec<A> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract/vendors.py");
    let mut child = Command::new(program("python"))
        .arg(script)
        .env("PYTHONDONTWRITEBYTECODE", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let asked = serde_json::to_vec(requests).unwrap();
    child.stdin.take().unwrap().write_all(&asked).await.unwrap();
    let said = child.wait_with_output().await.unwrap();
    assert!(said.status.success());
    serde_json::from_slice(&said.stdout).unwrap()
}

/// Verifies a request as `webhook` does.
fn is_verified(vendor: &dyn Signed, url: &str, body: &str, sent: &[(&str, &str)]) -> bool {
    let headers =
        |name: &str| sent.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| *v);
    let claim = vendor.claim(&WebhookRequest { method: "POST", url, headers: &headers }).unwrap();
    let secrets = SigningSecrets::parse(SECRET).unwrap();
    verify(body.as_bytes(), &claim, &secrets, SystemClock.now()).is_ok()
}

#[tokio::test]
async fn hubspots_own_sdk_and_webhook_agree_on_signatures_over_urls_with_queries() {
    let now = SystemClock.now().as_millisecond();
    let cases: Vec<(&str, &str)> =
        URLS.iter().flat_map(|url| BODIES.iter().map(move |body| (*url, *body))).collect();
    let requests = cases.iter().map(|(url, body)| {
        let signature = hubspot::sign_v3(SECRET, "POST", url, body.as_bytes(), now);
        json!({"vendor": "hubspot", "secret": SECRET, "url": url, "body": body,
            "timestamp": now.to_string(), "signature": signature})
    });
    let verdicts: Vec<Verdict> = ask(&requests.collect::<Vec<_>>()).await;
    assert_eq!(verdicts.len(), cases.len());
    for ((url, body), verdict) in cases.iter().zip(verdicts) {
        assert!(verdict.accepts, "the SDK refuses what our simulator signs: {url} {body}");
        let time = now.to_string();
        let sent = [
            ("x-hubspot-signature-v3", verdict.made.as_str()),
            ("x-hubspot-request-timestamp", time.as_str()),
        ];
        assert!(is_verified(&HubSpot, url, body, &sent), "{url} {body}");
        assert!(!is_verified(&HubSpot, &format!("{url}#"), body, &sent), "another URL");
    }
}

#[tokio::test]
async fn stripes_own_sdk_and_webhook_agree_on_signatures() {
    let now = SystemClock.now().as_second();
    let requests = BODIES.iter().map(|body| {
        let signature = stripe::sign(&["another secret", SECRET], now, body.as_bytes());
        json!({"vendor": "stripe", "secret": SECRET, "body": body, "timestamp": now.to_string(),
            "signature": signature})
    });
    let verdicts: Vec<Verdict> = ask(&requests.collect::<Vec<_>>()).await;
    assert_eq!(verdicts.len(), BODIES.len());
    for (body, verdict) in BODIES.iter().zip(verdicts) {
        assert!(verdict.accepts, "the SDK refuses what our simulator signs: {body}");
        let sent = [("stripe-signature", verdict.made.as_str())];
        let url = "https://hooks.example.com/webhooks/stripe?env=live";
        assert!(is_verified(&Stripe, url, body, &sent), "{body}");
        assert!(!is_verified(&Stripe, url, "another body", &sent));
    }
}
