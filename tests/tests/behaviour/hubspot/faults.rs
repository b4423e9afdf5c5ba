//! A portal that misbehaves: limits, refusals, broken replies (traps 14, 15, 16).

use fetch::{FetchError, Outcome};
use penstock_clients::vendor::VendorError;
use penstock_domain::fetch_request::Mode;
use penstock_tests::simulators::hubspot::{Fault, Kind, OBJECTS, Policy};

use crate::hubspot::test_app::{HubSpotTestApp, portal};

#[tokio::test]
async fn with_every_fault_that_passes_and_a_world_that_changes_our_tables_come_to_the_truth() {
    let test = HubSpotTestApp::over(portal(31, 1_200, 900)).await;
    test.hubspot.faults().random(31, 200, OBJECTS, &Fault::PASSING);
    test.hubspot.limit_searches();
    for n in [2, 5, 9, 14] {
        test.hubspot.on_request(n, |portal| drop(portal.change(15)));
    }
    persist(&test, Mode::Full).await;
    for _ in 0..4 {
        test.hubspot.portal().change(80);
        test.wait(100);
        persist(&test, Mode::Incremental).await;
    }
    // Deletions come by webhooks, or with the next full run.
    test.wait(600);
    persist(&test, Mode::Full).await;
    test.hubspot.faults().clear();
    test.app.drain().await;
    test.assert_true().await;
}

/// Invokes until a run of each entity is complete. A failed run continues from its last page.
async fn persist(test: &HubSpotTestApp, mode: Mode) {
    for entity in ["contact", "deal"] {
        for attempt in 0.. {
            assert!(attempt < 60, "{entity} never ends");
            match test.fetch(entity, mode).await {
                Ok(Outcome::Finished { .. }) => break,
                Ok(_)
                | Err(
                    FetchError::Vendor(VendorError::Unavailable { .. }) | FetchError::Page { .. },
                ) => {}
                Err(e) => panic!("{e}"),
            }
            test.wait(1);
        }
    }
}

#[tokio::test]
async fn trap_14_limits_of_seconds_are_waited_out_and_use_up_no_attempt() {
    let test = HubSpotTestApp::over(portal(32, 150, 1)).await;
    for policy in [Policy::Secondly, Policy::TenSecondlyRolling] {
        // Far more invocations than a fault has attempts.
        test.hubspot.faults().next_n(OBJECTS, 25, Fault::TooMany(policy));
        test.run(Mode::Full).await;
        test.assert_true().await;
    }
    test.hubspot.limit_searches();
    test.run(Mode::Incremental).await;
    test.hubspot.portal().edit_at_once(Kind::Contact, 150);
    test.wait(120);
    test.run(Mode::Incremental).await;
    test.assert_true().await;
}

#[tokio::test]
async fn trap_14_the_daily_limit_stops_the_run_with_its_reason_and_it_goes_on_when_the_limit_is_over()
 {
    let test = HubSpotTestApp::over(portal(33, 350, 1)).await;
    test.fetch_within("contact", Mode::Full, std::time::Duration::from_millis(300)).await.unwrap();
    test.hubspot.faults().always(OBJECTS, Fault::TooMany(Policy::Daily));
    let asked = test.hubspot.requests().len();
    let Outcome::Stopped { run, reason } = test.fetch("contact", Mode::Full).await.unwrap() else {
        panic!("the run does not stop");
    };
    assert_eq!(reason, "RATE_LIMIT: DAILY: You have reached your daily limit.");
    assert_eq!(test.hubspot.requests().len(), asked + 1, "nothing is asked again and again");
    let sql = format!("select last_error from sync_runs where id = '{run}'");
    assert!(test.app.db.scalar::<String>(&sql).await.contains("DAILY"));
    let halted: i64 =
        test.app.db.scalar("select count(*) from sync_state where halted is not null").await;
    assert_eq!(halted, 0, "no person is needed");
    test.hubspot.faults().clear();
    let Outcome::Finished { run: same, .. } = test.fetch("contact", Mode::Full).await.unwrap()
    else {
        panic!("the run does not go on");
    };
    assert_eq!(run, same);
}

#[tokio::test]
async fn trap_15_a_refused_token_halts_the_run_and_asks_for_no_full_run() {
    let test = HubSpotTestApp::over(portal(34, 50, 1)).await;
    test.run(Mode::Full).await;
    test.run(Mode::Incremental).await;
    test.hubspot.set_token("pat-eu1-rotated");
    test.wait(600);
    let before = test.hubspot.requests().len();
    let error = test.fetch("contact", Mode::Incremental).await.unwrap_err();
    assert!(
        matches!(error, FetchError::Vendor(VendorError::Refused { status: 401, .. })),
        "{error}"
    );
    assert!(error.to_string().contains("INVALID_AUTHENTICATION"), "{error}");
    assert_eq!(test.hubspot.requests().len(), before + 2, "once more with the token read again");
    test.hubspot.faults().next_n(OBJECTS, 1, Fault::Forbidden);
    let error = test.fetch("deal", Mode::Incremental).await.unwrap_err();
    assert!(
        matches!(error, FetchError::Vendor(VendorError::Refused { status: 403, .. })),
        "{error}"
    );
    assert!(test.app.requests.take().is_empty(), "no full run is asked for");
}

#[tokio::test]
async fn trap_16_broken_replies_leave_the_cursor_where_it_is() {
    let test =
        HubSpotTestApp::with_settings(portal(35, 250, 1), &[("HUBSPOT_TIMEOUT_SECONDS", "1")])
            .await;
    let faults = [
        Fault::Html,
        Fault::TruncatedJson,
        Fault::CutBody,
        Fault::ErrorInside,
        Fault::EmptyPage,
        Fault::BadGateway,
        Fault::Hang,
    ];
    for fault in faults {
        test.hubspot.faults().always(OBJECTS, fault);
        if fault == Fault::Hang {
            test.hubspot.faults().clear();
            test.hubspot.faults().next_n(OBJECTS, 1, fault);
            continue;
        }
        test.app.end_rests().await;
        let error = test.fetch("contact", Mode::Full).await.unwrap_err();
        assert!(
            matches!(
                error,
                FetchError::Page { .. } | FetchError::Vendor(VendorError::Unavailable { .. })
            ),
            "{error}"
        );
        test.hubspot.faults().clear();
        assert_eq!(test.app.db.scalar::<i64>("select count(*) from outbox").await, 0, "{fault:?}");
    }
    test.app.end_rests().await;
    test.run(Mode::Full).await;
    test.assert_true().await;
}
