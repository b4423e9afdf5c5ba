//! Whose money a pushed event is: the deployment's mode and account, or somebody else's (trap 51).

use penstock_tests::test_app::TestApp;
use serde_json::json;

use crate::stripe_account::{NOW, account};
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
