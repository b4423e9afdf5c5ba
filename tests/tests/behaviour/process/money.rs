//! Which payments count, and on which day (traps 33, 34, 38); and Stripe's own published objects.

use std::path::PathBuf;
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::config::Env;
use penstock_domain::facts::Facts;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::OutboxId;
use penstock_domain::record::{JSON, RowView};
use penstock_domain::source::stripe::Stripe;
use penstock_domain::source::{OwnAccount, Source};
use penstock_tests::simulators::stripe::{Action, Kind, RefundStatus};
use penstock_tests::test_app::TestApp;

use crate::stripe_account::{NOW, account, assert_true, our_books, take};

/// Returns `kind amount currency status` of a payload, one line for each payment.
fn read(payload: &str) -> Vec<String> {
    let version_at = Timestamp::from_second(NOW).unwrap();
    let id = OutboxId::new(version_at);
    let source = "stripe";
    let own = OwnAccount::default();
    let (entity, external_id, payload_bytes) = ("", "", payload.as_bytes());
    let row = RowView {
        id,
        source,
        entity,
        external_id,
        version_at,
        payload: payload_bytes,
        media: JSON,
        own,
    };
    let facts = Stripe.normalizer(&Env::default()).unwrap().normalize(row).unwrap();
    let payments = facts.payments.clone();
    assert_eq!(facts, Facts { payments, ..Facts::default() }, "Stripe's rows are payments");
    let line = |p: &penstock_domain::payment::Payment| {
        assert!(
            payload[p.version.raw.clone()].starts_with('{')
                && payload[p.version.raw.clone()].ends_with('}'),
            "raw is the object"
        );
        format!("{} {} {} {}", p.kind.as_str(), p.amount, p.currency, p.status.as_str())
    };
    facts.payments.iter().map(|fact| line(&fact.value)).collect()
}

fn object(kind: &str, fields: &str) -> String {
    format!(
        r#"{{"id":"x_1","object":"{kind}","created":{NOW},"currency":"eur","amount":1000{fields}}}"#
    )
}

#[test]
fn a_charge_counts_what_was_captured_of_it_and_only_once_it_was() {
    let charge = |fields: &str| read(&object("charge", fields));
    assert_eq!(
        charge(r#","captured":true,"amount_captured":1000,"status":"succeeded""#),
        ["charge 1000 EUR collected"]
    );
    assert_eq!(
        charge(r#","captured":true,"amount_captured":400,"status":"succeeded""#),
        ["charge 400 EUR collected"]
    );
    assert_eq!(
        charge(r#","captured":false,"amount_captured":0,"status":"succeeded""#),
        ["charge 1000 EUR authorized"]
    );
    assert_eq!(
        charge(r#","captured":false,"refunded":true,"status":"succeeded""#),
        ["charge 1000 EUR canceled"]
    );
    assert_eq!(charge(r#","captured":true,"status":"pending""#), ["charge 1000 EUR pending"]);
    assert_eq!(charge(r#","captured":false,"status":"failed""#), ["charge 1000 EUR failed"]);
    assert_eq!(
        charge(r#","captured":true,"status":"paid""#),
        ["charge 1000 EUR collected"],
        "before 2015"
    );
    assert_eq!(charge(r#","captured":true,"status":"sublimated""#), ["charge 1000 EUR unmapped"]);
    assert_eq!(charge(""), ["charge 1000 EUR unmapped"], "no status at all");
}

#[test]
fn trap_34_refunds_and_disputes_are_movements_of_their_own() {
    let refund =
        |status: &str| read(&object("refund", &format!(r#","status":{status}"#)))[0].clone();
    assert_eq!(refund(r#""succeeded""#), "refund 1000 EUR refunded");
    assert_eq!(refund(r#""pending""#), "refund 1000 EUR refund_pending");
    assert_eq!(refund(r#""requires_action""#), "refund 1000 EUR refund_pending");
    assert_eq!(refund(r#""failed""#), "refund 1000 EUR refund_failed");
    assert_eq!(refund(r#""canceled""#), "refund 1000 EUR refund_canceled");
    assert_eq!(refund("null"), "refund 1000 EUR unmapped");

    let dispute =
        |status: &str| read(&object("dispute", &format!(r#","status":"{status}""#)))[0].clone();
    assert_eq!(dispute("lost"), "dispute 1000 EUR disputed");
    assert_eq!(dispute("appeal_under_review"), "dispute 1000 EUR disputed");
    assert_eq!(dispute("won"), "dispute 1000 EUR dispute_won");
    for open in ["needs_response", "under_review"] {
        assert_eq!(dispute(open), "dispute 1000 EUR dispute_open");
    }
    for inquiry in ["warning_needs_response", "warning_under_review", "warning_closed"] {
        assert_eq!(dispute(inquiry), "dispute 1000 EUR inquiry", "no money has moved");
    }
    let settled = |amount: &str| {
        read(&object(
            "dispute",
            &format!(r#","status":"prevented","balance_transactions":[{amount}]"#),
        ))[0]
            .clone()
    };
    assert_eq!(settled(""), "dispute 1000 EUR dispute_won");
    assert_eq!(settled(r#"{"amount":-1000}"#), "dispute 1000 EUR disputed");
    assert_eq!(settled(r#"{"amount":-1000},{"amount":1000}"#), "dispute 1000 EUR dispute_won");
}

#[test]
fn giving_back_an_authorisation_is_no_refund_of_revenue() {
    let expired = object("refund", r#","status":"succeeded","reason":"expired_uncaptured_charge""#);
    assert_eq!(read(&expired), ["refund 1000 EUR released"]);
    let refund = object("refund", r#","status":"succeeded""#);
    let charge = object(
        "charge",
        &format!(r#","captured":false,"refunded":true,"status":"succeeded","refunds":[{refund}]"#),
    );
    assert_eq!(read(&charge), ["charge 1000 EUR canceled", "refund 1000 EUR released"]);
}

#[test]
fn trap_06_refunds_inside_a_charge_are_read_in_the_shapes_of_old_api_versions() {
    let refund = object("refund", r#","status":"succeeded""#);
    for inside in [format!("[{refund}]"), format!(r#"{{"object":"list","data":[{refund}]}}"#)] {
        let charge = object(
            "charge",
            &format!(r#","captured":true,"status":"succeeded","refunds":{inside}"#),
        );
        assert_eq!(read(&charge), ["charge 1000 EUR collected", "refund 1000 EUR refunded"]);
        let event = format!(
            r#"{{"id":"evt_1","object":"event","created":{NOW},"data":{{"object": {charge} }} }}"#
        );
        assert_eq!(read(&event), ["charge 1000 EUR collected", "refund 1000 EUR refunded"]);
    }
    let charge = object("charge", r#","captured":true,"status":"succeeded","refunds":null"#);
    assert_eq!(read(&charge).len(), 1);
}

#[tokio::test]
async fn trap_34_a_refund_that_fails_after_it_succeeded_no_longer_lowers_revenue() {
    let app = TestApp::over(account(80, 30)).await;
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    let before = our_books(&app).await;
    let (charge, refund) = {
        let mut stripe = app.stripe.account();
        let made = (0..30).find_map(|charge| {
            let action = Action::Refund { charge, amount: 1, status: RefundStatus::Succeeded };
            stripe.act(action).map(|events| (charge, events))
        });
        let (charge, events) = made.expect("one of them can be refunded");
        let id = events
            .iter()
            .find(|e| e.object_id.starts_with("re_") || e.object_id.starts_with("pyr_"));
        let refund =
            stripe.find(Kind::Refund, &id.expect("an event of the refund").object_id).unwrap();
        (charge, refund)
    };
    app.clock.advance(Duration::from_secs(60));
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    assert_ne!(our_books(&app).await, before, "charge {charge} is refunded");
    assert_true(&app).await;
    app.stripe
        .account()
        .act(Action::RefundBecomes { refund, status: RefundStatus::Failed })
        .expect("it fails");
    app.clock.advance(Duration::from_secs(60));
    app.fetch("event", Mode::Incremental).await.unwrap();
    app.drain().await;
    assert_eq!(our_books(&app).await, before);
    assert_true(&app).await;
}

/// Returns the folder of Stripe's own published objects; `None`, with a message, if it is not
/// configured.
#[expect(
    clippy::disallowed_methods,
    clippy::print_stderr,
    reason = "given by the environment; a skip must be seen"
)]
fn published_objects() -> Option<PathBuf> {
    let Ok(folder) = std::env::var("PENSTOCK_FIXTURES") else {
        eprintln!("skipped: PENSTOCK_FIXTURES is not set");
        return None;
    };
    Some(PathBuf::from(folder).join("stripe/objects"))
}

#[tokio::test]
async fn stripes_published_objects_go_from_fetch_to_payments_without_a_dead_letter() {
    let Some(folder) = published_objects() else { return };
    let app = TestApp::over(account(81, 1)).await;
    let mut files: Vec<_> = std::fs::read_dir(folder).unwrap().map(|f| f.unwrap().path()).collect();
    files.sort();
    let objects: Vec<String> = files.iter().map(|f| std::fs::read_to_string(f).unwrap()).collect();
    let list = format!(
        r#"{{"object":"list","url":"/v1/x","has_more":false,"data":[{}]}}"#,
        objects.join(",")
    );
    take(&app, "charge", &list, Mode::Full).await;
    let events = objects.iter().enumerate().map(|(i, object)| {
        let created = NOW + i64::try_from(i).unwrap();
        format!(r#"{{"id":"evt_{i}","object":"event","api_version":null,"created":{created},"type":"x","data":{{"object":{object}}}}}"#)
    });
    let events = events.collect::<Vec<_>>().join(",");
    take(
        &app,
        "charge",
        &format!(r#"{{"object":"list","url":"/v1/events","has_more":false,"data":[{events}]}}"#),
        Mode::Incremental,
    )
    .await;

    let sql = "select kind || ' ' || amount || ' ' || currency || ' ' || status || ' ' || extract(epoch from occurred_at)::bigint \
               from payments order by kind";
    let rows = app.db.client().await.query(sql, &[]).await.unwrap();
    let rows: Vec<String> = rows.iter().map(|r| r.get(0)).collect();
    let expected = [
        // Succeeded but not captured: no revenue.
        "charge 100 USD authorized 1234567890",
        "dispute 1000 USD inquiry 1234567890",
        "refund 100 USD refunded 1234567890",
    ];
    assert_eq!(rows, expected);
    assert_eq!(app.db.scalar::<i64>("select count(*) from dead_letters").await, 0);
    app.db.assert_nothing_waits().await;
}
