//! Pauses that a vendor asks for. A pause of more than a minute is never waited for in Lambda or
//! under a lease (trap 14).

use std::time::Duration;

use fetch::Outcome;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::Mode;
use penstock_tests::simulators::stripe::{Fault, RetryAfter};
use penstock_tests::test_app::TestApp;

use crate::stripe_account::account;

#[tokio::test]
async fn trap_14_a_pause_that_is_longer_than_the_lease_is_not_slept_under_it() {
    let app = TestApp::over(account(905, 10)).await;
    app.stripe.faults().at(1, "/v1/charges", Fault::TooMany(RetryAfter::Seconds(600)));
    let before = app.clock.now();
    let outcome = app.fetch_within("charge", Mode::Full, Duration::from_secs(860)).await.unwrap();
    let slept = app.clock.now().as_second() - before.as_second();
    assert!(
        slept < 120,
        "{outcome:?}: slept {slept} s in Lambda under a lease of 120 s, and relay has sent another"
    );
}

#[tokio::test]
async fn trap_14_a_pause_that_one_entity_is_told_holds_up_another_invocation_for_a_minute_at_most()
{
    let app = TestApp::over(account(913, 10)).await;
    app.stripe.faults().at(1, "/v1/charges", Fault::TooMany(RetryAfter::Seconds(1_000)));
    app.fetch_within("charge", Mode::Full, Duration::from_secs(860)).await.unwrap();
    app.clock.advance(Duration::from_secs(300));
    let before = app.clock.now().as_second();
    let outcome = app.fetch_within("refund", Mode::Full, Duration::from_secs(860)).await.unwrap();
    let slept = app.clock.now().as_second() - before;
    assert!(
        slept < 120,
        "{outcome:?}: another entity's invocation slept {slept} s in Lambda before its first request"
    );
}

#[tokio::test]
async fn trap_14_a_pause_of_a_year_is_no_reason_to_ask_never_again() {
    let app = TestApp::over(account(903, 10)).await;
    app.stripe.faults().at(1, "/v1/charges", Fault::TooMany(RetryAfter::Seconds(31_536_000)));
    let outcome = app.fetch_within("charge", Mode::Full, Duration::from_secs(860)).await.unwrap();
    assert!(matches!(outcome, Outcome::Continues { .. }), "{outcome:?}");
    for _ in 0..96 {
        app.clock.advance(Duration::from_secs(901));
        app.fetch_within("charge", Mode::Full, Duration::from_secs(860)).await.unwrap();
    }
    assert!(app.stripe.requests_to("/v1/charges").len() > 1, "not asked again for a day");
}

#[tokio::test]
async fn trap_14_a_run_that_waits_for_a_day_says_so() {
    let app = TestApp::over(account(908, 10)).await;
    app.stripe.faults().at(1, "/v1/charges", Fault::TooMany(RetryAfter::Seconds(86_400)));
    app.fetch_within("charge", Mode::Full, Duration::from_secs(860)).await.unwrap();
    let told: String = app
        .db
        .scalar("select status || ': ' || coalesce(last_error, 'nothing') from sync_runs")
        .await;
    assert_ne!(told, "running: nothing");
}
