//! The content of the digest: the numbers of the API, in one snapshot, and nothing of a person.

use digest::Request;
use metrics::MetricsConfig;
use penstock_domain::digest::Message;
use penstock_store::revenue::set_business_zone;

use super::{DigestApp, at};
use crate::metrics::{Payment, StoppedClock, database, ok, ports, upsert};

/// Some dead letters with two causes, and the data of a person in their words.
const DEAD: &str = r#"
insert into dead_letters (id, source, entity, payload, error, error_kind, attempts, created_at)
select gen_random_uuid(), 'stripe', 'charge', ''::bytea,
       format('amount: invalid type: string "jane%s@example.com", expected i64 at line 1 column %s', n, n),
       'permanent', 1, '2026-03-28T07:00:00Z'::timestamptz + n * interval '1 second'
from generate_series(1, 2000) n
union all
select gen_random_uuid(), null, null, '', 'the message ' || n || ' of bob@example.com is no JSON', 'permanent', 1,
       '2026-03-28T07:30:00Z'
from generate_series(1, 3) n"#;

async fn preview(app: &DigestApp) -> Message {
    app.serve(Request::Preview).await.preview.unwrap()
}

/// The cells of the line of the text that begins with these.
fn cells(text: &str, start: &[&str]) -> Vec<String> {
    let split = |line: &str| {
        let cells = line.split("  ").map(str::trim).filter(|cell| !cell.is_empty());
        cells.map(str::to_owned).collect::<Vec<_>>()
    };
    let found = text.lines().map(split).find(|cells| {
        cells.starts_with(&start.iter().map(|cell| (*cell).to_owned()).collect::<Vec<_>>())
    });
    found.unwrap_or_else(|| panic!("{start:?} is not in\n{text}"))
}

/// An amount of the API as the digest writes it.
fn written(minor: i128) -> String {
    let digits = format!("{:03}", minor.unsigned_abs());
    let (whole, cents) = digits.split_at(digits.len() - 2);
    let groups: Vec<&str> = whole
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).unwrap())
        .collect();
    format!("{}{}.{cents}", if minor < 0 { "-" } else { "" }, groups.join(","))
}

async fn agrees(zone: &'static str) {
    let db = database().await;
    let client = db.client().await;
    set_business_zone(&client, zone).await.unwrap();
    let mut rng = fastrand::Rng::with_seed(63);
    let payments: Vec<Payment> = (0..400)
        .map(|id| {
            let minute = rng.i64(-9 * 1440..1440);
            let status =
                *["collected", "collected", "refunded", "disputed"].get(rng.usize(0..4)).unwrap();
            let mut payment = Payment::new(id, rng.i64(1..90_000), status, "2026-03-15T00:00:00Z");
            payment.occurred_at += jiff::SignedDuration::from_mins(minute);
            payment
        })
        .collect();
    upsert(&client, &payments).await;
    let env = [("BUSINESS_TIMEZONE", zone)];
    let metrics = ports(
        db.database_of("metrics", 1),
        MetricsConfig::from_env(&env.into_iter().collect()).unwrap(),
    );
    let _: &metrics::Ports<StoppedClock> = &metrics;
    let days = "startDate=2026-03-07&endDate=2026-03-14";
    let reply = ok(&metrics, &format!("/metrics/revenue/daily?timezone={zone}&{days}")).await;
    let rows = reply.body["breakdown"].as_array().unwrap().clone();
    // Noon of the 15th: the digest of the morning is about the 14th.
    let app = DigestApp::over(db, at("2026-03-15T12:00:00Z"), &env);
    let text = preview(&app).await.text;
    for (name, field) in [
        ("gross", "amountCents"),
        ("refunds", "refundedCents"),
        ("disputes", "disputedCents"),
        ("net", "netCents"),
    ] {
        let [before, day] = [0, 7].map(|row: usize| crate::metrics::amount(&rows[row][field]));
        let cells = cells(&text, &["USD", name]);
        assert_eq!(cells[2..4], [written(day), written(before)], "{zone} {name}\n{text}");
    }
}

#[tokio::test]
async fn the_revenue_of_the_digest_is_that_of_the_api_to_the_cent() {
    futures_util::future::join_all(["UTC", "Europe/Berlin", "Asia/Kathmandu"].map(agrees)).await;
}

#[tokio::test]
async fn two_thousand_dead_letters_are_the_causes_that_they_have_and_name_nobody() {
    let app = DigestApp::new(at("2026-03-28T08:00:00Z"), &[]).await;
    app.execute(DEAD).await;
    let message = preview(&app).await;
    let Message { subject, text, html, chat } = &message;
    assert_eq!(subject, "prod: 2003 dead letters (2026-03-27)");
    let all = format!("{text}{html}{chat}");
    assert!(!all.contains("jane") && !all.contains("bob") && !all.contains("example.com"), "{all}");
    let reason = "amount: invalid type: string …, expected … at line … column …";
    assert_eq!(cells(text, &["2000"]), ["2000", "stripe", "charge", reason]);
    assert_eq!(cells(text, &["3"]), ["3", "the message … of … is no JSON"]);
}

#[tokio::test]
async fn a_preview_sends_and_stores_nothing() {
    let app = DigestApp::new(at("2026-03-28T08:00:00Z"), &[]).await;
    let message = preview(&app).await;
    assert!(message.html.starts_with("<!DOCTYPE html>") && message.html.ends_with("</html>\n"));
    assert!(app.mail.take().is_empty());
    assert_eq!(app.db.scalar::<i64>("select count(*) from digests").await, 0);
}

#[tokio::test]
async fn runs_freshness_and_statuses_are_told_by_connection() {
    let app = DigestApp::new(at("2026-03-28T08:00:00Z"), &[("SOURCES", "stripe")]).await;
    app.execute(
        "insert into sync_runs (id, source, entity, mode, status, started_at, updated_at, finished_at, rows_new) values \
         (gen_random_uuid(), 'stripe', 'event', 'incremental', 'succeeded', '2026-03-28T07:40:00Z', now(), '2026-03-28T07:41:00Z', 5), \
         (gen_random_uuid(), 'stripe', 'event', 'incremental', 'failed', '2026-03-28T07:00:00Z', now(), '2026-03-28T07:01:00Z', 1), \
         (gen_random_uuid(), 'stripe', 'event', 'incremental', 'failed', '2026-03-26T07:00:00Z', now(), '2026-03-26T07:01:00Z', 1)",
    )
    .await;
    let mut odd = Payment::new("a", 100, "unmapped", "2026-03-20T07:00:00Z");
    odd.source = "stripe";
    upsert(&app.db.client().await, &[odd]).await;
    let text = preview(&app).await.text;
    assert_eq!(cells(&text, &["stripe", "1", "1", "0"]), ["stripe", "1", "1", "0", "6"]);
    assert_eq!(cells(&text, &["stripe", "event"]), ["stripe", "event", "19 min", "fresh"]);
    assert_eq!(cells(&text, &["stripe", "charge"]), ["stripe", "charge", "raw_unmapped", "1"]);
}

#[tokio::test]
async fn a_transaction_without_an_end_is_told_after_an_hour_and_one_for_a_person_at_once() {
    let app = DigestApp::new(at("2026-03-28T08:00:00Z"), &[]).await;
    app.execute(
        "insert into transactions (id, sender, body, body_sha256, status, deadline, received_at, updated_at) \
         select gen_random_uuid(), 'shop', '{}', '', status, received_at, received_at, received_at \
         from (values ('pending', '2026-03-28T07:30:00Z'::timestamptz), ('submitted', '2026-03-28T05:00:00Z'), \
                      ('submitted', '2026-03-28T06:59:00Z'), ('submitted', '2026-03-28T07:01:00Z'), \
                      ('needs_review', '2026-03-28T07:50:00Z'), ('completed', '2026-03-27T07:00:00Z')) \
              as t (status, received_at)",
    )
    .await;
    let Message { subject, text, .. } = preview(&app).await;
    assert_eq!(subject, "prod: 3 undecided transactions (2026-03-27)");
    assert_eq!(cells(&text, &["submitted"]), ["submitted", "2", "3 h"]);
    assert_eq!(cells(&text, &["needs_review"]), ["needs_review", "1", "10 min"]);
    assert!(!text.contains("pending") && !text.contains("completed"), "{text}");
}
