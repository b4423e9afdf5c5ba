//! The vendor misbehaves (traps 14, 15, 16, 19, 46).

use std::time::Duration;

use fetch::{FetchError, Outcome};
use penstock_clients::vendor::VendorError;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::paging::PageError;
use penstock_testkit::{RuntimeHost, binary};
use penstock_tests::elsewhere;
use penstock_tests::fake_aws::FakeAws;
use penstock_tests::simulators::stripe::{Fault, RetryAfter};
use penstock_tests::test_app::TestApp;

use crate::stripe_account::{account, assert_true};

const CURSOR: &str =
    "select row(run_id, window_from, window_to, page_token, watermark)::text from sync_state";

#[tokio::test]
async fn every_passing_fault_passes_and_the_truth_is_reached() {
    let app = TestApp::over(account(20, 900)).await;
    app.stripe.faults().random(5, 150, "/v1/", &Fault::PASSING);
    for entity in ["charge", "refund", "dispute"] {
        // A run that gets three bad replies in a row gives up; the next invocation continues it.
        app.serve_through(&FetchRequest::new("stripe", entity, Mode::Full)).await;
    }
    app.stripe.faults().clear();
    app.drain().await;
    assert_true(&app).await;
}

#[tokio::test]
async fn trap_14_a_429_waits_as_long_as_it_asks_in_seconds_or_by_date() {
    for asked in [RetryAfter::Seconds(4), RetryAfter::Date(4)] {
        let app = TestApp::over(account(21, 20)).await;
        let before = app.clock.now();
        app.stripe.faults().next("/v1/charges", Fault::TooMany(asked));
        app.fetch("charge", Mode::Full).await.unwrap();
        let waited = app.clock.now().duration_since(before).as_secs();
        assert!((4..=5).contains(&waited), "{asked:?}: waited {waited} s");
    }
}

#[tokio::test]
async fn trap_14_an_outage_of_the_vendor_uses_up_no_rows_attempts_and_ends_in_a_report() {
    let app = TestApp::over(account(22, 200)).await;
    app.stripe.faults().always("/v1/charges", Fault::ServerError);
    let error = app.fetch("charge", Mode::Full).await.unwrap_err();
    assert!(
        matches!(&error, FetchError::Vendor(VendorError::Unavailable { attempts: 5, .. })),
        "{error}"
    );
    let report: String = app.db.scalar("select status || ': ' || last_error from sync_runs").await;
    assert!(
        report.starts_with("running: stripe failed 5 times, last with: status 500"),
        "{report}"
    );
    app.stripe.faults().clear();
    app.end_rests().await;
    app.fetch_all().await.unwrap();
    app.drain().await;
    assert_true(&app).await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from outbox where attempts > 0").await, 0);
}

#[tokio::test]
async fn trap_14_a_429_that_asks_for_longer_than_lambda_lives_goes_on_through_the_queue() {
    let app = TestApp::over(account(23, 20)).await;
    app.stripe.faults().always("/v1/charges", Fault::TooMany(RetryAfter::Seconds(500)));
    let outcome = app.fetch_within("charge", Mode::Full, Duration::from_secs(60)).await.unwrap();
    assert!(matches!(outcome, Outcome::Continues { .. }), "{outcome:?}");
    assert_eq!(app.requests.delays(), [Duration::from_secs(500)]);
    app.clock.advance(Duration::from_secs(400));
    assert_eq!(
        app.relay.run_once(app.relay_deadline()).await.unwrap().runs,
        0,
        "the vendor asked for longer"
    );
}

#[tokio::test]
async fn trap_15_a_refused_key_stops_with_a_report_and_starts_no_backfill() {
    for (fault, status) in [(Fault::Unauthorized, 401), (Fault::Forbidden, 403)] {
        let app = TestApp::over(account(24, 20)).await;
        app.fetch("event", Mode::Incremental).await.unwrap();
        app.drain().await;
        app.stripe.faults().always("/v1/", fault);
        let error = app.fetch("event", Mode::Incremental).await.unwrap_err();
        let expected = format!("stripe refuses the key with {status}: ");
        assert!(error.to_string().starts_with(&expected), "{error}");
        assert!(!error.to_string().contains(&app.stripe.key()), "the key is in the report");
        assert!(app.requests.take().is_empty(), "no full run is asked for");
        let report: String = app
            .db
            .scalar(
                "select last_error from sync_runs where status = 'failed' order by id desc limit 1",
            )
            .await;
        assert!(report.starts_with(&expected), "{report}");
        // Not at once, but seldom: the pull goes on by itself once the key is right.
        assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().runs, 0);
        app.clock.advance(Duration::from_secs(3_600));
        assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().runs, 1);
        app.stripe.faults().clear();
        app.fetch("event", Mode::Incremental).await.unwrap();
        app.drain().await;
        assert_true(&app).await;
    }
}

#[tokio::test]
async fn trap_16_a_reply_that_is_not_what_it_should_be_moves_no_cursor_and_ends() {
    let faults =
        [Fault::Html, Fault::TruncatedJson, Fault::ErrorInside, Fault::EmptyPage, Fault::CutBody];
    for fault in faults {
        let app = TestApp::over(account(25, 250)).await;
        app.stripe.faults().at(2, "/v1/charges", fault);
        app.fetch("charge", Mode::Full).await.unwrap();
        app.stripe.faults().clear();

        app.stripe.faults().always("/v1/refunds", fault);
        let error = app.fetch("refund", Mode::Full).await.unwrap_err();
        let said = error.to_string();
        match fault {
            Fault::CutBody => assert!(
                matches!(error, FetchError::Vendor(VendorError::Unavailable { .. })),
                "{said}"
            ),
            Fault::EmptyPage => {
                assert!(
                    matches!(error, FetchError::Page { error: PageError::Loop(_), .. }),
                    "{said}"
                );
            }
            Fault::ErrorInside => {
                assert!(
                    matches!(error, FetchError::Page { error: PageError::ErrorInside(_), .. }),
                    "{said}"
                );
            }
            _ => assert!(
                matches!(error, FetchError::Page { error: PageError::Malformed { .. }, .. }),
                "{said}"
            ),
        }
        let refunds = format!("{CURSOR} where entity = 'refund'");
        let stands: String = app.db.scalar(&refunds).await;
        app.end_rests().await;
        app.fetch("refund", Mode::Full).await.unwrap_err();
        assert_eq!(app.db.scalar::<String>(&refunds).await, stands, "{fault:?} moved the cursor");

        app.stripe.faults().clear();
        app.end_rests().await;
        app.fetch("refund", Mode::Full).await.unwrap();
        app.fetch("dispute", Mode::Full).await.unwrap();
        app.drain().await;
        assert_true(&app).await;
    }
}

#[tokio::test]
async fn a_vendor_that_hangs_is_asked_again_after_the_time_out() {
    let app = TestApp::with_settings(account(26, 20), &[("STRIPE_TIMEOUT_SECONDS", "1")]).await;
    app.stripe.faults().next("/v1/charges", Fault::Hang);
    app.fetch_all().await.unwrap();
    app.drain().await;
    assert_true(&app).await;
}

#[tokio::test]
async fn trap_19_no_transaction_is_open_while_the_vendor_is_asked() {
    // One window at a time: with more, a page of another window may be committed while a request is
    // on its way.
    let app = TestApp::with_settings(account(27, 250), &[("STRIPE_CONCURRENCY", "1")]).await;
    let (url, open) = (app.db.url(), std::sync::Arc::new(std::sync::Mutex::new(Vec::new())));
    for request in 1..=3 {
        let (url, open) = (url.clone(), std::sync::Arc::clone(&open));
        app.stripe.on_request(request, move || open.lock().unwrap().push(open_transactions(&url)));
    }
    app.fetch("charge", Mode::Full).await.unwrap();
    assert_eq!(*open.lock().unwrap(), [0, 0, 0]);
}

fn open_transactions(url: &str) -> i64 {
    elsewhere::with_client(url, async |client| {
        let sql = "select count(*) from pg_stat_activity \
                   where datname = current_database() and pid <> pg_backend_pid() and xact_start is not null \
                     and backend_type = 'client backend'";
        client.query_one(sql, &[]).await.unwrap().get(0)
    })
}

#[tokio::test]
async fn trap_46_a_key_that_is_rotated_in_mid_run_is_read_again_once_and_no_run_fails() {
    let app = TestApp::over(account(28, 500)).await;
    let aws = std::sync::Arc::new(FakeAws::start().await);
    aws.rotate(&app.stripe.key());
    let queues = ["tickets", "fetch-requests", "quick-requests"].map(|name| aws.queue(name));
    let (database, stripe) = (app.db.url_of("fetch"), app.stripe.url());
    let env = [
        ("DATABASE_URL", database.as_str()),
        ("DATABASE_TLS", "disable"),
        ("AWS_ENDPOINT_URL", &aws.url),
        ("AWS_REGION", "us-east-1"),
        ("TICKETS_QUEUE_URL", &queues[0]),
        ("FETCH_REQUESTS_QUEUE_URL", &queues[1]),
        ("QUICK_REQUESTS_QUEUE_URL", &queues[2]),
        ("STRIPE_BASE_URL", &stripe),
        ("STRIPE_SECRET_ARN", "arn:aws:secretsmanager:us-east-1:000000000000:secret:s"),
    ];
    let fetch = RuntimeHost::start(&binary("fetch"), &env).await;
    let (vendor, secrets) = (std::sync::Arc::downgrade(&app.stripe), std::sync::Arc::clone(&aws));
    app.stripe.on_request(3, move || {
        secrets.rotate("sk_test_rotated");
        if let Some(vendor) = vendor.upgrade() {
            vendor.set_key("sk_test_rotated");
        }
    });
    let request = serde_json::json!({"source": "stripe", "entity": "charge", "mode": "full"});
    assert_eq!(fetch.invoke_unhurried(request).await.reply()["outcome"], "finished");
    assert_eq!(aws.secret_reads(), 2, "once to begin with, once after the 401");
    let report: String = app.db.scalar("select status || ' ' || errors from sync_runs").await;
    assert_eq!(report, "succeeded 0");
    assert!(!fetch.output().contains("sk_test"), "a key is in the log");
}

#[tokio::test]
async fn a_message_whose_run_stands_in_postgres_is_not_sent_back_by_an_outage_of_the_vendor() {
    let app = TestApp::over(account(29, 30)).await;
    app.stripe.faults().always("/v1/", Fault::ServerError);
    let deadline = app.clock.now() + Duration::from_secs(3_600);
    let event = serde_json::json!({"Records": [
        {"messageId": "full", "body": r#"{"source":"stripe","entity":"charge","mode":"full"}"#},
        {"messageId": "nobody", "body": r#"{"source":"stripe","entity":"unicorn","mode":"full"}"#},
        {"messageId": "no request", "body": "full speed ahead"},
    ]});
    let response = app.fetch.handle(event, deadline).await.unwrap();
    let back = serde_json::json!({"batchItemFailures": [{"itemIdentifier": "nobody"}, {"itemIdentifier": "no request"}]});
    assert_eq!(response, back);
    app.stripe.faults().clear();
    app.clock.advance(Duration::from_secs(600));
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().runs, 1);
    app.drain().await;
    app.fetch_all().await.unwrap();
    app.drain().await;
    assert_true(&app).await;
}
