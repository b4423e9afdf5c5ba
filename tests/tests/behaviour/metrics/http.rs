//! Requests and replies of the HTTP routes: keys, parameters, problems.

use std::sync::Arc;
use std::time::Duration;

use super::{
    Payment, READ_KEY, StoppedClock, add_key, assert_problem, config, database, errors, event, get,
    noon, ok, ports, send, upsert,
};
use metrics::Ports;
use penstock_edge::http::{Request, Service as _};
use penstock_store::api_keys::{self, Scope};
use penstock_store::{Database, Login, StaticLogin, Tls};
use penstock_testkit::CuttingProxy;
use penstock_tests::captured_log::CapturedLog;
use penstock_tests::test_app::admission;
use serde_json::{Value, json};

/// Every route that wants a key.
const GUARDED: [&str; 9] = [
    "/metrics/revenue/summary",
    "/metrics/revenue/daily",
    "/metrics/revenue/weekly",
    "/metrics/unmapped-statuses",
    "/metrics/unreadable-objects",
    "/runs",
    "/runs/019a0000-0000-7000-8000-000000000000",
    "/users/ada/journey",
    "/stats",
];
const OPEN: [&str; 3] = ["/healthz", "/health", "/readyz"];

/// Returns a database at which no server listens.
fn nowhere() -> Ports<StoppedClock> {
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (host, database, user) =
        ("127.0.0.1".to_owned(), "secret_db".to_owned(), "secret_user".to_owned());
    let login = Login { host, port, database, user, password: None };
    ports(Database::new(Arc::new(StaticLogin(login)), Tls::Disable, None, 1).unwrap(), config())
}

#[tokio::test]
async fn trap_76_a_key_whose_mark_is_not_ours_is_refused_unasked_on_every_route() {
    let mut away = nowhere();
    away.admission = admission(away.database.clone(), 1);
    let forged = format!("penstock_read_{}.{}", "x".repeat(43), "0".repeat(32));
    for path in GUARDED {
        let guess = send(&away, &event("GET", path, &[("x-api-key", &forged)])).await;
        assert_eq!(guess.status, 401, "{path}: Postgres is away, and not needed for this");
        let unknown =
            send(&away, &event("GET", path, &[("x-api-key", "a key without a mark")])).await;
        assert_eq!(unknown.status, 503, "{path}");
    }
}

#[tokio::test]
async fn a_route_that_is_not_there_is_404_and_another_method_is_405() {
    let ports = nowhere();
    for path in ["/", "/metrics", "/metrics/revenue", "/runs/", "/runs/a/b", "/healthz/x"] {
        assert_problem(&get(&ports, path).await, 404, "not-found");
    }
    for path in GUARDED.iter().chain(&OPEN) {
        for method in ["POST", "DELETE", "PUT", "PATCH", "OPTIONS", "no method"] {
            let reply = send(&ports, &event(method, path, &[])).await;
            assert_problem(&reply, 405, "method-not-allowed");
            assert_eq!(reply.header("allow"), "GET, HEAD");
        }
    }
}

fn request(method: &str, path: &str, headers: &[(&str, &str)]) -> Request {
    serde_json::from_value(event(method, path, headers)).unwrap()
}

#[tokio::test]
async fn head_is_answered_as_get_is_on_every_route_and_has_no_body() {
    let database = database().await;
    let ports = ports(database.database_of("metrics", 1), config());
    let documents = ["/openapi.json", "/docs"];
    for path in GUARDED.iter().chain(&OPEN).chain(&documents) {
        for headers in [&[][..], &[("x-api-key", READ_KEY)]] {
            let get = ports.handle(&request("GET", path, headers), "invocation").await;
            let head = ports.handle(&request("HEAD", path, headers), "invocation").await;
            assert_eq!(head.status_code, get.status_code, "{path}");
            assert_eq!(head.headers, get.headers, "{path}");
            assert!(head.body.is_empty() && !get.body.is_empty(), "{path}");
        }
    }
    let reply = send(&ports, &event("HEAD", "/nowhere", &[])).await;
    assert_eq!((reply.status, &reply.body), (404, &Value::Null));
}

/// Events at which lambda_http 1.3 panics while it builds an `http::Request`.
#[tokio::test]
async fn a_host_query_or_body_that_is_none_is_answered_all_the_same() {
    let ports = nowhere();
    for host in ["<none>", "", "a b", "[::1", "host:port", "\u{e4}"] {
        let headers = [("host", host), ("x-forwarded-proto", "://")];
        assert_eq!(send(&ports, &event("GET", "/healthz", &headers)).await.status, 200, "{host}");
    }
    let reply = send(&ports, &event("GET", "/healthz?a=<b> {c}", &[])).await;
    assert_eq!(errors(&reply)[0].0, "#/query/a");
    let mut event = event("GET", "/healthz", &[]);
    event["body"] = json!("no base64");
    event["isBase64Encoded"] = json!(true);
    assert_eq!(send(&ports, &event).await.status, 200);
}

#[tokio::test]
async fn the_callers_request_id_comes_back_where_it_is_sane() {
    let ports = nowhere();
    let reply = send(&ports, &event("GET", "/healthz", &[("X-Request-Id", "caller-7")])).await;
    assert_eq!(reply.header("x-request-id"), "caller-7");
    let reply =
        send(&ports, &event("GET", "/nowhere", &[("X-Request-Id", "no spaces please")])).await;
    assert_eq!(reply.header("x-request-id"), "invocation-id");
    assert_problem(&reply, 404, "not-found");
}

#[tokio::test]
async fn without_a_good_key_nothing_leaves() {
    let database = database().await;
    let on = database.client().await;
    add_key(&on, "ingest-key", Scope::Ingest).await;
    add_key(&on, "admin-key", Scope::Admin).await;
    let revoked = add_key(&on, "revoked-key", Scope::Read).await;
    assert!(api_keys::revoke(&on, revoked, noon()).await.unwrap());
    assert!(!api_keys::revoke(&on, revoked, noon()).await.unwrap());
    let ports = ports(database.database_of("metrics", 1), config());
    let bad: [&[(&str, &str)]; 7] = [
        &[],
        &[("x-api-key", "")],
        &[("x-api-key", "guess")],
        &[("x-api-key", "ingest-key")],
        &[("x-api-key", "revoked-key")],
        &[("x-api-key", "admin-key")],
        &[("x-admin-api-key", READ_KEY)],
    ];
    for path in GUARDED.into_iter().chain([
        "/runs?nonsense=1",
        "/runs/x",
        "/metrics/revenue/daily?startDate=1880-01-01",
    ]) {
        for headers in bad {
            let reply = send(&ports, &event("GET", path, headers)).await;
            assert_problem(&reply, 401, "unauthorized");
            assert!(!reply.headers.contains_key("www-authenticate"));
        }
    }
}

#[tokio::test]
async fn several_read_keys_and_the_admin_key_read() {
    let database = database().await;
    let on = database.client().await;
    add_key(&on, "newer-key", Scope::Read).await;
    add_key(&on, "admin-key", Scope::Admin).await;
    let ports = ports(database.database_of("metrics", 1), config());
    for header in
        [("X-API-Key", READ_KEY), ("x-api-key", "newer-key"), ("X-Admin-Api-Key", "admin-key")]
    {
        let reply = send(&ports, &event("GET", "/metrics/revenue/summary", &[header])).await;
        assert_eq!(reply.status, 200, "{}", reply.body);
    }
}

#[tokio::test]
async fn every_route_names_the_parameters_it_does_not_know() {
    let database = database().await;
    let ports = ports(database.database_of("metrics", 1), config());
    for path in GUARDED.iter().chain(&OPEN) {
        let errors = errors(&get(&ports, &format!("{path}?sourc=stripe&a%2Fb=1")).await);
        assert_eq!(
            errors[0],
            ("#/query/a~1b".to_owned(), "is not a parameter of this route".to_owned())
        );
        assert_eq!(errors[1].0, "#/query/sourc");
    }
}

#[tokio::test]
async fn all_that_is_wrong_is_said_at_once() {
    let database = database().await;
    let ports = ports(database.database_of("metrics", 1), config());
    let target = "/metrics/revenue/daily?startDate=2025-02-30&endDate=soon&timezone=Mars&currency=dollars&source=%00&x=1";
    let pointers: Vec<String> =
        errors(&get(&ports, target).await).into_iter().map(|(pointer, _)| pointer).collect();
    let named = ["timezone", "startDate", "endDate", "source", "currency", "x"]
        .map(|name| format!("#/query/{name}"));
    assert_eq!(pointers, named);
    for (query, name) in [
        ("startDate=2025-01-02&endDate=2025-01-01", "startDate"),
        ("startDate=2000-01-01&endDate=2025-01-01", "startDate"),
        ("source=stripe&source=hubspot", "source"),
        ("timezone=", "timezone"),
    ] {
        let errors = errors(&get(&ports, &format!("/metrics/revenue/summary?{query}")).await);
        assert_eq!(errors.len(), 1);
        assert_eq!(errors[0].0, format!("#/query/{name}"));
    }
    for query in ["limit=0", "limit=201", "limit=x", "cursor=x", "status=done", "limit=1&limit=1"] {
        assert_eq!(errors(&get(&ports, &format!("/runs?{query}")).await).len(), 1, "{query}");
    }
}

#[tokio::test]
async fn the_last_thirty_days_in_the_callers_zone_are_the_default() {
    let database = database().await;
    let ports = ports(database.database_of("metrics", 1), config());
    let utc = ok(&ports, "/metrics/revenue/daily").await.body;
    assert_eq!((&utc["startDate"], &utc["endDate"]), (&json!("2026-02-14"), &json!("2026-03-15")));
    assert_eq!(
        (&utc["timezone"], &utc["currency"], &utc["source"]),
        (&json!("UTC"), &json!("USD"), &Value::Null)
    );
    assert_eq!(utc["breakdown"].as_array().unwrap().len(), 30);
    // Noon in UTC is tomorrow on Kiritimati; a bare plus is a space in a query.
    for zone in ["Pacific/Kiritimati", "Etc/GMT-14"] {
        let body = ok(&ports, &format!("/metrics/revenue/summary?timezone={zone}")).await.body;
        assert_eq!((&body["endDate"], &body["timezone"]), (&json!("2026-03-16"), &json!(zone)));
    }
    let body = ok(&ports, "/metrics/revenue/summary?timezone=Etc/GMT+5").await.body;
    assert_eq!(body["timezone"], "Etc/GMT+5");
}

#[tokio::test]
async fn an_answer_has_every_field_of_the_contract() {
    let database = database().await;
    let on = database.client().await;
    let payments = [
        Payment::new(1, 1000, "collected", "2026-03-10T10:00:00Z"),
        Payment::new(2, 300, "refunded", "2026-03-11T10:00:00Z"),
        Payment::new(3, 100, "disputed", "2026-03-12T10:00:00Z"),
        Payment { currency: "EUR", ..Payment::new(4, 50, "collected", "2026-03-10T10:00:00Z") },
        Payment { source: "hubspot", ..Payment::new(5, 9, "collected", "2026-03-10T10:00:00Z") },
    ];
    upsert(&on, &payments).await;
    let ports = ports(database.database_of("metrics", 1), config());
    let target = "/metrics/revenue/weekly?startDate=2026-03-10&endDate=2026-03-16&source=stripe";
    let usd = json!({
        "totalRevenueCents": "1000", "refundedCents": "300", "disputedCents": "100", "netRevenueCents": "600", "count": 1
    });
    let eur = json!({
        "totalRevenueCents": "50", "refundedCents": "0", "disputedCents": "0", "netRevenueCents": "50", "count": 1
    });
    let mut expected = usd.clone();
    let rest = json!({
        "currency": "USD", "startDate": "2026-03-10", "endDate": "2026-03-16", "source": "stripe", "connection": null, "timezone": "UTC",
        "byCurrency": {"EUR": eur, "USD": usd},
        "breakdown": [
            {"weekStartDate": "2026-03-09", "amountCents": "1000", "refundedCents": "300", "disputedCents": "100",
             "netCents": "600", "count": 1},
            {"weekStartDate": "2026-03-16", "amountCents": "0", "refundedCents": "0", "disputedCents": "0",
             "netCents": "0", "count": 0},
        ],
    });
    expected.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
    assert_eq!(ok(&ports, target).await.body, expected);
    let unknown = ok(&ports, &format!("{target}&currency=xbt")).await.body;
    assert_eq!((&unknown["currency"], &unknown["totalRevenueCents"]), (&json!("XBT"), &json!("0")));
    let euros = ok(&ports, &format!("{target}&currency=eur")).await.body;
    assert_eq!((&euros["currency"], &euros["totalRevenueCents"]), (&json!("EUR"), &json!("50")));
}

#[tokio::test]
async fn without_the_database_it_is_503_with_retry_after_and_no_word_of_why() {
    let ports = nowhere();
    for path in GUARDED {
        let reply = get(&ports, path).await;
        assert_problem(&reply, 503, "unavailable");
        assert_eq!(reply.header("retry-after"), "5");
        assert!(!reply.body.to_string().contains("secret"), "{}", reply.body);
    }
}

#[tokio::test]
async fn a_silent_database_is_503_before_a_question_that_may_take_long_has_used_up_its_time() {
    let database = database().await;
    let proxy = CuttingProxy::start(database.login_of("metrics")).await;
    let pool = Database::new(Arc::new(StaticLogin(proxy.login())), Tls::Disable, None, 1).unwrap();
    // No connection is tried before it is used: the silence begins a moment ago.
    let ports = ports(pool.checked_after(Duration::from_secs(600)), config());
    assert_eq!(get(&ports, "/stats").await.status, 200);
    proxy.freeze_connections();
    let log = CapturedLog::start();
    let reply = get(&ports, "/stats").await;
    // Three seconds are for a look at the connection, and seven for the question itself.
    assert!(log.text().contains("Postgres has not answered within 3s"), "{}", log.text());
    assert_problem(&reply, 503, "unavailable");
    assert_eq!(reply.header("retry-after"), "5");
    // The silent connection is not asked again.
    assert_eq!(get(&ports, "/stats").await.status, 200);
}

#[tokio::test]
async fn an_error_of_the_database_is_500_and_says_nothing_of_it() {
    let database = database().await;
    database.client().await.batch_execute("drop table revenue_sums cascade").await.unwrap();
    let reply =
        get(&ports(database.database_of("metrics", 1), config()), "/metrics/revenue/summary").await;
    assert_problem(&reply, 500, "internal");
    assert!(!reply.body.to_string().contains("revenue_sums"), "{}", reply.body);
}

#[tokio::test]
async fn trap_44_a_connection_that_breaks_is_replaced_without_an_error() {
    let database = database().await;
    let proxy = CuttingProxy::start(database.login_of("metrics")).await;
    let pool = Database::new(Arc::new(StaticLogin(proxy.login())), Tls::Disable, None, 1).unwrap();
    let ports = ports(pool.checked_after(Duration::MAX), config());
    ok(&ports, "/runs").await;
    proxy.drop_connections().await;
    ok(&ports, "/runs").await;
    assert_eq!(proxy.connections(), 2);
}
