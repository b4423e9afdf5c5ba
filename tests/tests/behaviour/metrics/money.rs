//! Sums beyond 64 bits, credits, unknown statuses, and objects that cannot be read.

use super::{Payment, config, database, drift, ok, ports, upsert};
use serde_json::json;

#[tokio::test]
async fn trap_35_sums_above_2_63_are_exact_strings() {
    let database = database().await;
    let on = database.client().await;
    let mut payments: Vec<Payment> =
        (0..5).map(|id| Payment::new(id, i64::MAX, "collected", "2026-03-10T10:00:00Z")).collect();
    payments.push(Payment::new(9, 1, "refunded", "2026-03-10T10:00:00Z"));
    upsert(&on, &payments).await;
    let ports = ports(database.database_of("metrics", 1), config());
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
async fn an_unknown_status_counts_as_nothing_and_is_visible() {
    let database = database().await;
    let on = database.client().await;
    let unmapped = |id: u32| Payment::new(id, 500, "unmapped", "2026-03-10T10:00:00Z");
    upsert(
        &on,
        &[unmapped(1), unmapped(2), Payment::new(3, 7, "collected", "2026-03-10T10:00:00Z")],
    )
    .await;
    let ports = ports(database.database_of("metrics", 1), config());

    let summary = ok(&ports, "/metrics/revenue/summary").await.body;
    assert_eq!((&summary["totalRevenueCents"], &summary["count"]), (&json!("7"), &json!(1)));
    let seen = ok(&ports, "/metrics/unmapped-statuses").await.body;
    let expected = json!({"statuses": [{
        "source": "stripe", "connection": "stripe", "kind": "charge", "rawStatus": "raw_unmapped", "count": 2,
        "lastSeen": "2026-03-10T10:00:00Z",
    }]});
    assert_eq!(seen, expected);

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
        "unreadable",
    ];
    let payments: Vec<Payment> = idle
        .iter()
        .enumerate()
        .map(|(id, status)| Payment::new(id, 5, status, "2026-03-10T10:00:00Z"))
        .collect();
    upsert(&on, &payments).await;
    let body = ok(&ports(database.database_of("metrics", 1), config()), "/metrics/revenue/summary")
        .await
        .body;
    assert_eq!((&body["totalRevenueCents"], &body["byCurrency"]), (&json!("0"), &json!({})));
}

#[tokio::test]
async fn trap_34_a_refund_that_fails_after_it_succeeded_is_revenue_again() {
    let database = database().await;
    let on = database.client().await;
    let charge = Payment::new(1, 900, "collected", "2026-03-01T10:00:00Z");
    let refund = Payment::new(2, 900, "refunded", "2026-03-10T10:00:00Z");
    upsert(&on, &[charge, refund.clone()]).await;
    let ports = ports(database.database_of("metrics", 1), config());
    let body = ok(&ports, "/metrics/revenue/summary").await.body;
    assert_eq!((&body["netRevenueCents"], &body["refundedCents"]), (&json!("0"), &json!("900")));
    upsert(&on, &[Payment { status: "refund_failed", ..refund }]).await;
    let body = ok(&ports, "/metrics/revenue/summary").await.body;
    assert_eq!((&body["netRevenueCents"], &body["refundedCents"]), (&json!("900"), &json!("0")));
}

#[tokio::test]
async fn trap_78_a_credit_lowers_the_gross_of_its_day_in_days_weeks_and_the_summary_alike() {
    let database = database().await;
    let on = database.client().await;
    let payments = [
        Payment::new(1, 900, "collected", "2026-03-09T10:00:00Z"),
        Payment::new(2, -1_000, "collected", "2026-03-10T10:00:00Z"),
        Payment::new(3, 300, "collected", "2026-03-10T11:00:00Z"),
    ];
    upsert(&on, &payments).await;
    let ports = ports(database.database_of("metrics", 1), config());
    for zone in ["UTC", "Asia/Kolkata", "America/New_York"] {
        let range = format!("startDate=2026-03-09&endDate=2026-03-10&timezone={zone}");
        for route in ["summary", "daily", "weekly"] {
            let body = ok(&ports, &format!("/metrics/revenue/{route}?{range}")).await.body;
            assert_eq!((&body["totalRevenueCents"], &body["count"]), (&json!("200"), &json!(3)));
            assert_eq!(body["netRevenueCents"], "200", "{route} {zone}");
        }
        let days = ok(&ports, &format!("/metrics/revenue/daily?{range}")).await.body;
        let amounts: Vec<_> =
            days["breakdown"].as_array().unwrap().iter().map(|day| &day["amountCents"]).collect();
        assert_eq!(amounts, [&json!("900"), &json!("-700")], "{zone}");
    }
    assert_eq!(drift(&on).await, 0);
}

#[tokio::test]
async fn trap_77_an_object_that_cannot_be_read_is_listed_with_its_dead_letter_while_that_stands() {
    let database = database().await;
    let on = database.client().await;
    let unreadable = "/metrics/unreadable-objects";
    let ports = ports(database.database_of("metrics", 1), config());
    assert_eq!(ok(&ports, unreadable).await.body, json!({"objects": [], "hasMore": false}));
    let row = "00000000-0000-0000-0000-000000000000";
    let letter = "019a0000-0000-7000-8000-000000000001";
    upsert(&on, &[Payment::new("ch_1", 0, "unreadable", "2026-03-10T10:00:00Z")]).await;
    on.batch_execute(&format!(
        "insert into dead_letters (id, source, entity, external_id, outbox_id, payload, error, error_kind, error_field, attempts, created_at) \
         values ('{letter}', 'stripe', 'charge', 'ch_1', '{row}', '', 'it is odd', 'invalid', '/amount', 1, '2026-03-10T10:00:00Z'), \
                ('019a0000-0000-7000-8000-000000000002', 'stripe', 'charge', 'ch_1', gen_random_uuid(), '', \
                 'an older version', 'invalid', null, 1, '2026-03-09T10:00:00Z')"
    ))
    .await
    .unwrap();
    let expected = json!({"objects": [{
        "source": "stripe", "connection": "stripe", "entity": "charge", "externalId": "ch_1", "outboxId": row, "deadLetterId": letter,
        "errorClass": "permanent", "errorKind": "invalid", "errorField": "/amount", "error": "it is odd", "since": "2026-03-10T10:00:00Z",
    }], "hasMore": false});
    assert_eq!(ok(&ports, unreadable).await.body, expected);
    upsert(&on, &[Payment::new("ch_1", 500, "collected", "2026-03-10T10:00:00Z")]).await;
    assert_eq!(ok(&ports, unreadable).await.body, json!({"objects": [], "hasMore": false}));
}
