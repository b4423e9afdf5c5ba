//! Sums beyond 64 bits, and unknown statuses.

use super::{Payment, config, database, drift, noon, ok, ports, upsert};
use penstock_store::revenue::{Remap, remap};
use serde_json::json;

#[tokio::test]
async fn trap_35_sums_above_2_63_are_exact_strings() {
    let database = database().await;
    let on = database.client().await;
    let mut payments: Vec<Payment> =
        (0..5).map(|id| Payment::new(id, i64::MAX, "collected", "2026-03-10T10:00:00Z")).collect();
    payments.push(Payment::new(9, 1, "refunded", "2026-03-10T10:00:00Z"));
    upsert(&on, &payments).await;
    let ports = ports(database.database(1), config());
    for zone in ["UTC", "Asia/Kolkata"] {
        let body = ok(&ports, &format!("/metrics/revenue/daily?timezone={zone}")).await.body;
        assert_eq!(body["totalRevenueCents"], "46116860184273879035");
        assert_eq!(body["netRevenueCents"], "46116860184273879034");
    }
    // The same if no bucket has the requested boundaries.
    let old: Vec<Payment> = (10..15)
        .map(|id| Payment::new(id, i64::MAX, "collected", "1880-01-01T12:00:00Z"))
        .collect();
    upsert(&on, &old).await;
    let target = "/metrics/revenue/summary?timezone=America/New_York&startDate=1880-01-01&endDate=1880-01-01";
    assert_eq!(ok(&ports, target).await.body["totalRevenueCents"], "46116860184273879035");
}

#[tokio::test]
async fn trap_38_an_unknown_status_counts_as_nothing_is_visible_and_a_remap_repairs_the_past() {
    let database = database().await;
    let on = database.client().await;
    let unmapped = |id: u32| Payment::new(id, 500, "unmapped", "2026-03-10T10:00:00Z");
    upsert(
        &on,
        &[unmapped(1), unmapped(2), Payment::new(3, 7, "collected", "2026-03-10T10:00:00Z")],
    )
    .await;
    let ports = ports(database.database(1), config());

    let summary = ok(&ports, "/metrics/revenue/summary").await.body;
    assert_eq!((&summary["totalRevenueCents"], &summary["count"]), (&json!("7"), &json!(1)));
    let seen = ok(&ports, "/metrics/unmapped-statuses").await.body;
    let expected = json!({"statuses": [{
        "source": "stripe", "kind": "charge", "rawStatus": "raw_unmapped", "count": 2,
        "lastSeen": "2026-03-10T10:00:00Z",
    }]});
    assert_eq!(seen, expected);

    let meaning =
        Remap { source: "stripe", kind: "charge", raw_status: "raw_unmapped", status: "collected" };
    assert_eq!(remap(&on, meaning, noon()).await.unwrap(), 2);
    assert_eq!(remap(&on, meaning, noon()).await.unwrap(), 0);

    let summary = ok(&ports, "/metrics/revenue/summary").await.body;
    assert_eq!((&summary["totalRevenueCents"], &summary["count"]), (&json!("1007"), &json!(3)));
    assert_eq!(ok(&ports, "/metrics/unmapped-statuses").await.body, json!({"statuses": []}));
    assert_eq!(drift(&on).await, 0);
}

#[tokio::test]
async fn what_did_not_come_in_or_go_out_counts_as_nothing() {
    let database = database().await;
    let on = database.client().await;
    let idle = [
        "authorized",
        "pending",
        "failed",
        "canceled",
        "refund_pending",
        "refund_failed",
        "refund_canceled",
        "dispute_open",
        "dispute_won",
        "inquiry",
    ];
    let payments: Vec<Payment> = idle
        .iter()
        .enumerate()
        .map(|(id, status)| Payment::new(id, 5, status, "2026-03-10T10:00:00Z"))
        .collect();
    upsert(&on, &payments).await;
    let body = ok(&ports(database.database(1), config()), "/metrics/revenue/summary").await.body;
    assert_eq!((&body["totalRevenueCents"], &body["byCurrency"]), (&json!("0"), &json!({})));
}

#[tokio::test]
async fn trap_34_a_refund_that_fails_after_it_succeeded_is_revenue_again() {
    let database = database().await;
    let on = database.client().await;
    let charge = Payment::new(1, 900, "collected", "2026-03-01T10:00:00Z");
    let refund = Payment::new(2, 900, "refunded", "2026-03-10T10:00:00Z");
    upsert(&on, &[charge, refund.clone()]).await;
    let ports = ports(database.database(1), config());
    let body = ok(&ports, "/metrics/revenue/summary").await.body;
    assert_eq!((&body["netRevenueCents"], &body["refundedCents"]), (&json!("0"), &json!("900")));
    upsert(&on, &[Payment { status: "refund_failed", ..refund }]).await;
    let body = ok(&ports, "/metrics/revenue/summary").await.body;
    assert_eq!((&body["netRevenueCents"], &body["refundedCents"]), (&json!("900"), &json!("0")));
}
