//! From the vendor to the metrics route.

use std::collections::BTreeMap;

use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_tests::simulators::stripe::{AccountSpec, StripeAccount, StripeSimulator};
use penstock_tests::stack::Gateway;
use serde_json::Value;

use crate::deployed_app::DeployedApp;

const YEAR_SECONDS: i64 = 365 * 24 * 60 * 60;

/// Gross, refunded, disputed, net of each currency.
type Books = BTreeMap<String, [i128; 4]>;

fn ledger(stripe: &StripeSimulator) -> Books {
    stripe
        .ledger()
        .into_iter()
        .map(|(code, t)| (code, [t.gross, t.refunded, t.disputed, t.net]))
        .collect()
}

async fn told(gateway: &Gateway, key: &str) -> Books {
    let last = SystemClock.now().to_zoned(jiff::tz::TimeZone::UTC).date().tomorrow().unwrap();
    let first = last.saturating_sub(jiff::Span::new().days(400));
    let path = format!("/metrics/revenue/summary?startDate={first}&endDate={last}");
    let summary = gateway.get(&path, key).await.unwrap();
    let amount = |sums: &Value, field: &str| sums[field].as_str().unwrap().parse().unwrap();
    let fields = ["totalRevenueCents", "refundedCents", "disputedCents", "netRevenueCents"];
    let currencies = summary["byCurrency"].as_object().unwrap().iter();
    currencies.map(|(code, sums)| (code.clone(), fields.map(|field| amount(sums, field)))).collect()
}

async fn fetch(app: &DeployedApp, requests: &[(&str, Mode)]) {
    let body = |(entity, mode): &(&str, Mode)| {
        serde_json::to_string(&FetchRequest::new("stripe", entity, *mode)).unwrap()
    };
    app.stack.fetch_requests().send(requests.iter().map(body).collect()).await.unwrap();
    app.drain().await;
}

async fn money(app: &DeployedApp) -> Vec<String> {
    let sql = "select format('%s %s %s %s %s %s', kind, external_id, amount, currency, status, occurred_at) \
               from payments order by kind, external_id";
    app.sql.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn a_year_of_stripe_goes_from_fetch_to_the_metrics_route_and_equals_the_ledger() {
    let now = SystemClock.now().as_second();
    let stripe = StripeSimulator::start(StripeAccount::new(AccountSpec::between(
        7,
        600,
        now - YEAR_SECONDS,
        now,
    )))
    .unwrap();
    let app = DeployedApp::before("sys-year", &stripe).await;
    app.stack.migrate_by_command().await.unwrap();
    let key = app.stack.key_by_command("read", "test").await.unwrap();
    let gateway = app.stack.gateway().unwrap();
    assert_eq!(gateway.reply("/metrics/revenue/summary", None).await.unwrap().status, 401);
    assert_eq!(
        gateway.reply("/metrics/revenue/summary", Some("penstock_read_x")).await.unwrap().status,
        401
    );

    // The request of the rule. There is no cursor yet, so fetch requests the full runs by itself.
    fetch(&app, &[("event", Mode::Incremental)]).await;
    assert_eq!(told(&gateway, &key).await, ledger(&stripe));

    let year = ledger(&stripe);
    stripe.change(100);
    stripe.settle();
    assert_ne!(ledger(&stripe), year);
    fetch(&app, &[("event", Mode::Incremental)]).await;
    assert_eq!(told(&gateway, &key).await, ledger(&stripe));

    let (before, everything) = (
        money(&app).await,
        [("charge", Mode::Full), ("refund", Mode::Full), ("dispute", Mode::Full)],
    );
    fetch(&app, &everything).await;
    assert_eq!(money(&app).await, before, "a full run moved money that the events had right");
    // Stripe sends no event for some fields (a charge's `disputed`). Now they are right, and stay
    // so.
    let written = app.versions().await;
    fetch(&app, &everything).await;
    assert_eq!(app.versions().await, written, "a full run wrote what had not changed");
    assert_eq!(told(&gateway, &key).await, ledger(&stripe));

    let outbox = app.outbox().await;
    assert_eq!((outbox.waiting, outbox.dead), (0, 0));
    let runs = gateway.get("/runs?status=succeeded", &key).await.unwrap();
    assert_eq!(runs["runs"].as_array().unwrap().len(), 11, "{runs}");
    let one = runs["runs"][0]["runId"].as_str().unwrap();
    assert_eq!(gateway.get(&format!("/runs/{one}"), &key).await.unwrap()["runId"], one);
    let ready = gateway.reply("/readyz", None).await.unwrap();
    let told = ready.json().unwrap();
    assert_eq!((ready.status, told["status"].as_str()), (200, Some("ok")));
    let checks: Vec<&String> = told["checks"].as_object().unwrap().keys().collect();
    assert_eq!(checks, ["db", "sqs", "stripe"], "a source that is not configured is not missed");
    assert_eq!(gateway.reply("/healthz", None).await.unwrap().status, 200);

    let listed = app.stack.keys().await.unwrap();
    assert!(
        listed.lines().any(|line| line.contains("  test  read ")) && !listed.contains(&key),
        "{listed}"
    );
    app.stack.revoke_keys("test").await.unwrap();
    let again = app.stack.revoke_keys("test").await.unwrap_err().to_string();
    assert!(
        again.contains("nothing was revoked: there is no valid key of the name \"test\""),
        "{again}"
    );
}
