//! `ingest` as built, killed with SIGKILL at each message to Postgres. The same request is sent
//! again under the same Idempotency-Key: nothing is lost or doubled (traps 30, 31).

use std::time::Duration;

use penstock_testkit::{Cut, CuttingProxy, Outcome, RuntimeHost, binary};
use penstock_tests::fake_aws::FakeAws;
use penstock_tests::test_app::{INGEST_KEY, TestApp};
use serde_json::{Value, json};

use crate::stripe_account::account;

/// `ingest` as built, in a process of its own.
struct BuiltIngest {
    host: RuntimeHost,
    aws: FakeAws,
}

impl BuiltIngest {
    async fn start(database_url: String) -> Self {
        let aws = FakeAws::start().await;
        let env = [aws.environment().as_slice(), &[("DATABASE_URL", database_url)]].concat();
        let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (*k, v.as_str())).collect();
        Self { host: RuntimeHost::start(&binary("ingest"), &env).await, aws }
    }

    /// The status of the reply.
    async fn post(&self, path: &str, key: &str, body: &str) -> u64 {
        let reply = self.host.invoke(event(path, key, body)).await.reply();
        reply["statusCode"].as_u64().unwrap()
    }
}

fn event(path: &str, key: &str, body: &str) -> Value {
    json!({
        "version": "2.0", "rawPath": path, "rawQueryString": "", "body": body, "isBase64Encoded": false,
        "headers": {"x-api-key": INGEST_KEY, "idempotency-key": key},
        "requestContext": {"http": {"method": "POST"}, "stage": "$default"},
    })
}

#[tokio::test]
async fn killed_at_any_point_and_sent_the_same_again_it_has_each_lead_and_each_event_exactly_once()
{
    let app = TestApp::over(account(380, 1)).await;
    app.let_in().await;
    let proxy = CuttingProxy::start(app.db.login_of("ingest")).await;
    let survivor = BuiltIngest::start(app.db.url_of("ingest")).await;
    let events = |n: i64| {
        json!([{"eventType": "a", "payload": n}, {"eventType": "b", "payload": n}]).to_string()
    };
    let mut sent = 0;
    for cut in [Cut::BeforeForwarding, Cut::AfterForwarding] {
        for nth in 1.. {
            let mut killed = false;
            for (path, body) in [("/leads", format!("lead {sent}")), ("/events", events(sent))] {
                let victim = BuiltIngest::start(proxy.url()).await;
                let key = format!("key-{sent}");
                proxy.cut_at(nth, cut, victim.host.killer());
                let outcome = victim.host.invoke(event(path, &key, &body)).await;
                if proxy.was_cut() {
                    assert!(matches!(outcome, Outcome::Died(_)), "{cut:?} {nth}: {outcome:?}");
                    assert!(victim.aws.take().is_empty(), "no ticket before the commit is known");
                    killed = true;
                }
                // There was no reply, or it was lost, so the sender sends the request again.
                let status = survivor.post(path, &key, &body).await;
                assert!([200, 201, 202].contains(&status), "{path} {cut:?} {nth}: {status}");
            }
            sent += 1;
            if !killed {
                break;
            }
        }
    }
    assert!(sent > 10, "a process logs in, asks for the key, and stores: {sent}");
    // Later than the real clock, by which the binary has written.
    app.clock.advance(Duration::from_secs(80 * 365 * 86_400));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    app.drain().await;
    app.db.assert_nothing_waits().await;
    let leads = "select count(*) || ' ' || count(distinct body) || ' ' || count(*) filter (where state = 'accepted') from leads";
    assert_eq!(app.db.scalar::<String>(leads).await, format!("{sent} {sent} {sent}"));
    let events = "select count(*) || ' ' || count(distinct (type, payload)) from events";
    assert_eq!(app.db.scalar::<String>(events).await, format!("{0} {0}", 2 * sent));
}
