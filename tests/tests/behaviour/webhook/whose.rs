//! Whose money a pushed event is: the deployment's mode and account, or somebody else's (trap 51).

use std::time::Duration;

use fetch::FetchError;
use penstock_clients::vendor::VendorError;
use penstock_domain::fetch_request::Mode;
use penstock_tests::test_app::TestApp;
use serde_json::json;

use crate::stripe_account::{NOW, account, assert_true};
use crate::webhook::post;

/// A charge of 7.00 USD that succeeded, by its event.
fn succeeded(id: u32, livemode: bool, account: Option<&str>) -> String {
    let mut event = json!({
        "id": format!("evt_{id}"), "object": "event", "created": NOW, "type": "charge.succeeded",
        "livemode": livemode, "pending_webhooks": 1,
        "data": {"object": {
            "id": format!("ch_{id}"), "object": "charge", "amount": 700, "amount_captured": 700, "captured": true,
            "created": NOW, "currency": "usd", "livemode": livemode, "status": "succeeded",
        }},
    });
    if let Some(account) = account {
        event["account"] = json!(account);
    }
    event.to_string()
}

/// Ours live, ours in test mode, a connected account's, a connected account's in test mode.
async fn push_four(app: &TestApp) {
    for (id, livemode, account) in [
        (1, true, None),
        (2, false, None),
        (3, true, Some("acct_1Connected")),
        (4, false, Some("acct_1Connected")),
    ] {
        assert_eq!(post(app, &succeeded(id, livemode, account)).await, "stored");
    }
}

async fn lines(app: &TestApp, sql: &str) -> Vec<String> {
    app.db.client().await.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn counted(app: &TestApp) -> Vec<String> {
    lines(app, "select external_id from payments where status = 'collected' order by 1").await
}

#[tokio::test]
async fn trap_51_of_four_signed_charges_only_the_one_of_our_mode_and_account_is_revenue() {
    for (livemode, ours) in [("true", "ch_1"), ("false", "ch_2")] {
        let app = TestApp::with_settings(account(240, 1), &[("STRIPE_LIVEMODE", livemode)]).await;
        push_four(&app).await;
        app.drain().await;
        assert_eq!(counted(&app).await, [ours], "STRIPE_LIVEMODE={livemode}");
        let revenue: Vec<String> =
            lines(&app, "select distinct amount::text from revenue_buckets").await;
        assert_eq!(revenue, ["700"], "STRIPE_LIVEMODE={livemode}");
        let kept = "select status || ' ' || count(*) from outbox group by status";
        assert_eq!(lines(&app, kept).await, ["processed 4"], "each is kept, and none waits");
    }
}

/// The mode is read off the key. The simulator's is `sk_test_…`.
const BY_THE_KEY: [(&str, &str); 1] = [("STRIPE_LIVEMODE", "")];

#[tokio::test]
async fn trap_51_what_is_not_ours_is_kept_with_its_reason_and_nothing_of_it_is_ever_read_again() {
    let app = TestApp::with_settings(account(241, 1), &[("STRIPE_LIVEMODE", "true")]).await;
    push_four(&app).await;
    // Two versions of one second that contradict each other would be a tie.
    for (id, livemode, account) in [(2, false, None), (3, true, Some("acct_1Connected"))] {
        let again = succeeded(id, livemode, account).replace("\"id\":\"evt_", "\"id\":\"evt_9");
        assert_eq!(post(&app, &again.replace("succeeded\"}", "failed\"}")).await, "stored");
    }
    app.drain().await;
    app.clock.advance(Duration::from_secs(400));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    assert!(app.requests.take().is_empty() && app.tickets.take().is_empty());
    assert!(app.stripe.requests().is_empty(), "our key was used for another's object");
    let noted = "select source || ' ' || reason || ' ' || count(*) from not_ours group by source, reason order by 1";
    let expected = ["stripe connected_account 2", "stripe test_mode 3"];
    assert_eq!(lines(&app, noted).await, expected);
    assert_eq!(app.db.scalar::<i64>("select count(*) from payments").await, 1);
    assert_eq!(app.db.scalar::<i64>("select count(*) from dead_letters").await, 0);
    // The notes go with their rows.
    app.clock.advance(Duration::from_secs(40 * 86_400));
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    assert_eq!(app.db.scalar::<i64>("select count(*) from not_ours").await, 0);
}

#[tokio::test]
async fn trap_51_a_configured_account_counts_and_its_ties_are_settled_by_rank_alone() {
    let settings = [("STRIPE_LIVEMODE", "true"), ("STRIPE_ACCOUNTS", "acct_1Connected")];
    let app = TestApp::with_settings(account(242, 1), &settings).await;
    push_four(&app).await;
    app.drain().await;
    assert_eq!(counted(&app).await, ["ch_1", "ch_3"]);
    let of = "select coalesce(account, 'own') from payments order by external_id";
    assert_eq!(lines(&app, of).await, ["own", "acct_1Connected"]);
    for (id, account) in [(1, None), (3, Some("acct_1Connected"))] {
        let tie = succeeded(id, true, account).replace("\"id\":\"evt_", "\"id\":\"evt_9");
        post(&app, &tie.replace("\"status\":\"succeeded\"", "\"status\":\"pending\"")).await;
    }
    for ticket in app.tickets.take() {
        app.deliver(&[ticket], 1).await;
    }
    // Our own object can be read again, the connected account's cannot.
    let asked = "select external_id from refetch_requests";
    assert_eq!(lines(&app, asked).await, ["ch_1"]);
    assert_eq!(counted(&app).await, ["ch_1", "ch_3"]);
}

#[tokio::test]
async fn trap_51_while_the_mode_is_not_known_events_wait_and_the_first_run_frees_them() {
    let app = TestApp::with_settings(account(243, 3), &BY_THE_KEY).await;
    for (id, livemode) in [(1, true), (2, false)] {
        post(&app, &succeeded(id, livemode, None)).await;
    }
    let tickets = app.tickets.take();
    for receives in [1, 2, 3] {
        assert_eq!(app.deliver(&tickets, receives).await.failures(), 0, "no message is to blame");
    }
    let waiting =
        "select status || ' ' || error_kind || ' ' || attempts from outbox order by version_key";
    assert_eq!(lines(&app, waiting).await, ["pending waiting 0"; 2]);
    assert_eq!(app.db.scalar::<i64>("select count(*) from payments").await, 0);
    // Nothing changes for as long as nothing is known, however often the tickets come again.
    app.clock.advance(Duration::from_secs(3_700));
    assert_eq!(app.relay.run_once(app.relay_deadline()).await.unwrap().ticketed, 2);
    app.drain().await;
    assert_eq!(lines(&app, waiting).await, ["pending waiting 0"; 2]);

    app.fetch_all().await.unwrap();
    assert!(app.relay.run_once(app.relay_deadline()).await.unwrap().ticketed >= 2, "due at once");
    app.drain().await;
    app.db.assert_nothing_waits().await;
    let pushed = "select external_id from payments where external_id in ('ch_1', 'ch_2')";
    assert_eq!(lines(&app, pushed).await, ["ch_2"]);
    let reasons = "select reason from not_ours";
    assert_eq!(lines(&app, reasons).await, ["live_mode"]);
}

#[tokio::test]
async fn trap_51_the_mode_that_the_key_says_is_the_mode_of_lists_and_of_events() {
    let app = TestApp::with_settings(account(244, 40), &BY_THE_KEY).await;
    app.fetch_all().await.unwrap();
    app.drain().await;
    for event in app.stripe.change(40) {
        post(&app, &event.body).await;
    }
    app.drain().await;
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    assert_true(&app).await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from not_ours").await, 0);
    let known = "select livemode::text from vendor_accounts where source = 'stripe'";
    assert_eq!(lines(&app, known).await, ["false"]);
}

#[tokio::test]
async fn trap_51_lists_of_another_mode_than_is_set_count_as_nothing_and_are_compared_with_nothing()
{
    let app = TestApp::with_settings(account(245, 20), &[("STRIPE_LIVEMODE", "true")]).await;
    app.fetch_all().await.unwrap();
    app.drain().await;
    app.db.assert_nothing_waits().await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from payments").await, 0);
    let kept: i64 = app.db.scalar("select count(*) from outbox").await;
    let noted = "select count(*) from not_ours where reason = 'test_mode'";
    assert_eq!(app.db.scalar::<i64>(noted).await, kept, "refunds too, which do not say their mode");
    let error = app.fetch("charge", Mode::Reconcile).await.unwrap_err();
    assert!(matches!(error, FetchError::Vendor(VendorError::Setup(_))), "{error}");
}

#[tokio::test]
async fn trap_51_a_key_of_the_other_mode_stops_before_its_first_page_and_says_why() {
    let app = TestApp::with_settings(account(246, 20), &BY_THE_KEY).await;
    app.fetch_all().await.unwrap();
    app.drain().await;
    let client = app.db.client().await;
    client.batch_execute("update vendor_accounts set livemode = true").await.unwrap();
    let asked = app.stripe.requests().len();
    for (entity, mode) in
        [("event", Mode::Incremental), ("charge", Mode::Full), ("charge", Mode::Reconcile)]
    {
        let error = app.fetch(entity, mode).await.unwrap_err().to_string();
        let why =
            "the key is of test mode, and this database holds what a key of live mode has read";
        assert!(error.contains(why), "{error}");
    }
    assert_eq!(app.stripe.requests().len(), asked, "nothing was asked for");
    let halted = "select count(*) from sync_state where halted like '%key is of test mode%'";
    assert_eq!(app.db.scalar::<i64>(halted).await, 3);
}

#[tokio::test]
async fn trap_51_a_thin_event_of_another_mode_or_account_has_no_object_read() {
    let app = TestApp::with_settings(account(247, 3), &BY_THE_KEY).await;
    app.fetch_all().await.unwrap();
    app.drain().await;
    let id = app.stripe.truth().remove(0).id;
    let thin = |event: &str, livemode: bool, context: &str| {
        let at = jiff::Timestamp::from_second(NOW).unwrap();
        json!({
            "id": event, "object": "v2.core.event", "type": "v1.charge.updated", "livemode": livemode,
            "created": at.to_string(), "context": context,
            "related_object": {"id": id, "type": "charge", "url": format!("/v1/charges/{id}")},
        })
        .to_string()
    };
    post(&app, &thin("evt_live", true, "")).await;
    post(&app, &thin("evt_theirs", false, "acct_1Connected")).await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from refetch_requests").await, 0);
    post(&app, &thin("evt_ours", false, "")).await;
    assert_eq!(app.db.scalar::<i64>("select count(*) from refetch_requests").await, 1);
    app.drain().await;
    let reasons = "select reason from not_ours order by 1";
    assert_eq!(lines(&app, reasons).await, ["connected_account", "live_mode"]);
}
