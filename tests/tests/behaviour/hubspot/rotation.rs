//! A token that is rotated in mid-run (trap 46), with `fetch` as built and its token in Secrets
//! Manager.

use std::sync::Arc;

use penstock_domain::fetch_request::Mode;
use penstock_testkit::{RuntimeHost, binary};
use penstock_tests::fake_aws::FakeAws;
use penstock_tests::simulators::hubspot::DEFAULT_TOKEN;
use serde_json::json;

use crate::hubspot::test_app::{HubSpotTestApp, portal};

#[tokio::test]
async fn trap_46_a_token_that_is_rotated_in_mid_run_is_read_again_once_and_no_run_fails() {
    let test = HubSpotTestApp::over(portal(61, 350, 1)).await;
    let aws = Arc::new(FakeAws::start().await);
    aws.rotate(DEFAULT_TOKEN);
    let own = [
        ("DATABASE_URL", test.app.db.url_of("fetch")),
        ("STRIPE_BASE_URL", test.app.stripe.url()),
        ("STRIPE_API_KEY", test.app.stripe.key()),
        ("HUBSPOT_BASE_URL", test.hubspot.url()),
        ("HUBSPOT_SECRET_ARN", "arn:aws:secretsmanager:us-east-1:000000000000:secret:s".to_owned()),
    ];
    let env: Vec<_> = own.into_iter().chain(aws.environment()).collect();
    let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let fetch = RuntimeHost::start(&binary("fetch"), &env).await;
    // The old token ends at once, in the middle of the list.
    let (portal, secrets) = (Arc::downgrade(&test.hubspot), Arc::clone(&aws));
    test.hubspot.on_request(3, move |_| {
        secrets.rotate("pat-eu1-rotated");
        if let Some(portal) = portal.upgrade() {
            portal.set_token("pat-eu1-rotated");
        }
    });
    let request = json!({"source": "hubspot", "entity": "contact", "mode": Mode::Full.as_str()});
    assert_eq!(fetch.invoke_unhurried(request).await.reply()["outcome"], "finished");
    assert_eq!(aws.secret_reads(), 2, "once to begin with, once after the 401");
    let refused: Vec<u16> = test
        .hubspot
        .requests()
        .iter()
        .map(|asked| asked.status)
        .filter(|status| *status != 200)
        .collect();
    assert_eq!(refused, [401], "the page that was under way, and none after it");
    let report: String = test.app.db.scalar("select status || ' ' || errors from sync_runs").await;
    assert_eq!(report, "succeeded 0");
    assert_eq!(test.app.db.scalar::<i64>("select count(*) from outbox").await, 350);
    assert!(!fetch.output().contains("pat-"), "a token is in the log");
}
