//! The signing secret rotates without downtime, and guessed signatures do not make us read the
//! secret.

use std::time::Duration;

use penstock_testkit::{RuntimeHost, binary};
use penstock_tests::fake_aws::FakeAws;
use penstock_tests::simulators::stripe::sign;
use penstock_tests::test_app::TestApp;
use serde_json::{Value, json};

use crate::stripe_account::{NOW, account};
use crate::webhook::{charge_event, posted};

/// `webhook` as built, with its secret in a Secrets Manager of its own.
pub struct BuiltWebhook {
    pub host: RuntimeHost,
    pub aws: FakeAws,
}

impl BuiltWebhook {
    async fn over(app: &TestApp, secret: &str) -> Self {
        Self::at(app.db.url_of("webhook"), secret).await
    }

    pub async fn at(database_url: String, secret: &str) -> Self {
        let aws = FakeAws::start().await;
        aws.rotate(secret);
        let arn = "arn:aws:secretsmanager:us-east-1:000000000000:secret:s".to_owned();
        let own = [("DATABASE_URL", database_url), ("STRIPE_WEBHOOK_SECRET_ARN", arn)];
        let env = [aws.environment().as_slice(), &own].concat();
        let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (*k, v.as_str())).collect();
        Self { host: RuntimeHost::start(&binary("webhook"), &env).await, aws }
    }

    /// An event signed with these secrets, now.
    pub fn event(event: &str, secrets: &[&str]) -> Value {
        let body = charge_event(event, "ch_1", NOW);
        let header = sign(secrets, wall_clock(), body.as_bytes());
        posted(&body, &json!({"Stripe-Signature": header}))
    }

    /// The status for an event signed with these secrets, now.
    pub async fn post(&self, event: &str, secrets: &[&str]) -> u64 {
        let reply = self.host.invoke(Self::event(event, secrets)).await.reply();
        reply["statusCode"].as_u64().unwrap()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "the function under test is a process that has the real clock"
)]
fn wall_clock() -> i64 {
    jiff::Timestamp::now().as_second()
}

#[tokio::test]
async fn a_secret_is_rotated_without_a_request_that_is_lost() {
    let app = TestApp::over(account(220, 1)).await;
    let webhook = BuiltWebhook::over(&app, "whsec_old").await;
    assert_eq!(webhook.post("evt_1", &["whsec_old"]).await, 200);
    assert_eq!(webhook.aws.secret_reads(), 1);
    // The new one beside the old one, which this process does not know yet.
    webhook.aws.rotate(r#"{"signingSecrets":["whsec_new","whsec_old"]}"#);
    assert_eq!(webhook.post("evt_2", &["whsec_old"]).await, 200, "as it is known here");
    assert_eq!(webhook.aws.secret_reads(), 1);
    assert_eq!(webhook.post("evt_3", &["whsec_new"]).await, 200, "read again at once");
    assert_eq!(webhook.aws.secret_reads(), 2);
    assert_eq!(webhook.post("evt_4", &["whsec_old"]).await, 200);
    assert_eq!(
        webhook.post("evt_5", &["whsec_other", "whsec_new"]).await,
        200,
        "one of several is enough"
    );
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox").await, 5);
    assert_eq!(webhook.aws.take().len(), 5, "a ticket each");
}

#[tokio::test]
async fn a_flood_of_bad_signatures_asks_for_the_secret_once() {
    let app = TestApp::over(account(221, 1)).await;
    let webhook = BuiltWebhook::over(&app, "whsec_good").await;
    let began = wall_clock();
    for i in 0..30 {
        assert_eq!(webhook.post(&format!("evt_{i}"), &["whsec_guess"]).await, 400);
    }
    // Doubts are ten seconds apart, and a busy machine may take longer for all of them.
    let later = usize::try_from((wall_clock() - began) / 10).unwrap();
    let reads = webhook.aws.secret_reads();
    assert!(
        (2..=2 + later).contains(&reads),
        "{reads} times: when it was needed, and once more in doubt"
    );
    assert_eq!(webhook.post("evt_good", &["whsec_good"]).await, 200);
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox").await, 1);
}

#[tokio::test]
async fn a_secret_that_cannot_be_used_is_a_503_and_no_refusal_of_the_event() {
    let app = TestApp::over(account(222, 1)).await;
    let webhook = BuiltWebhook::over(&app, "{}").await;
    let body = charge_event("evt_1", "ch_1", NOW);
    let header = sign(&["whsec_good"], wall_clock(), body.as_bytes());
    let reply: Value =
        webhook.host.invoke(posted(&body, &json!({"Stripe-Signature": header}))).await.reply();
    assert_eq!(
        (reply["statusCode"].as_u64(), reply["headers"]["retry-after"].as_str()),
        (Some(503), Some("30"))
    );
    webhook.aws.rotate("whsec_good");
    tokio::time::sleep(Duration::from_millis(10_500)).await;
    assert_eq!(webhook.post("evt_1", &["whsec_good"]).await, 200, "mended, without a deployment");
}
