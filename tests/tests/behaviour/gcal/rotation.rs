//! A key that is rotated in mid-run (trap 46), with `fetch` as built and its key in Secrets
//! Manager.

use std::sync::Arc;

use penstock_testkit::{RuntimeHost, binary};
use penstock_tests::fake_aws::FakeAws;
use penstock_tests::simulators::gcal::CALENDAR_ID;
use serde_json::json;

use crate::gcal::test_app::{GcalTestApp, LONG_AGO};

#[tokio::test]
async fn trap_46_a_key_that_is_rotated_in_mid_run_is_read_again_once_and_no_run_fails() {
    let test = GcalTestApp::filled_at(LONG_AGO, 801, 0).await;
    test.google
        .follow(|| penstock_domain::clock::Clock::now(&penstock_clients::clock::SystemClock));
    test.google.with(|calendar| calendar.fill(230));
    let aws = Arc::new(FakeAws::start().await);
    aws.rotate(&test.google.key_file());
    let own = [
        ("DATABASE_URL", test.app.db.url_of("fetch")),
        ("STRIPE_BASE_URL", test.app.stripe.url()),
        ("STRIPE_API_KEY", test.app.stripe.key()),
        ("GCAL_BASE_URL", test.google.base_url()),
        ("GCAL_SECRET_ARN", "arn:aws:secretsmanager:us-east-1:000000000000:secret:s".to_owned()),
        ("GCAL_CALENDAR_ID", CALENDAR_ID.to_owned()),
        ("GCAL_PAGE_SIZE", "50".to_owned()),
    ];
    let env: Vec<_> = own.into_iter().chain(aws.environment()).collect();
    let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (*k, v.as_str())).collect();
    let fetch = RuntimeHost::start(&binary("fetch"), &env).await;
    drop(test.google.take_requests());
    let (google, secrets) = (test.google.handle(), Arc::clone(&aws));
    test.google.on_request(3, move || secrets.rotate(&google.rotate_key()));
    let request = json!({"source": "gcal", "entity": "event", "mode": "full"});
    assert_eq!(fetch.invoke_unhurried(request).await.reply()["outcome"], "finished");
    assert_eq!(aws.secret_reads(), 2, "once to begin with, once after the claim was refused");
    assert_eq!(
        test.google.exchanges(),
        (2 + 1, 1),
        "the app's own, the function's two, and the refused one"
    );
    let report: String = test
        .app
        .db
        .scalar("select status || ' ' || errors from sync_runs order by started_at desc limit 1")
        .await;
    assert_eq!(report, "succeeded 0");
    assert!(
        !fetch.output().contains("PRIVATE KEY") && !fetch.output().contains("ya29."),
        "a key or token is in the log"
    );
}
