//! Nothing that somebody sent is logged (rule 12): a secret value is planted into every field of
//! every message, and looked for in every line that the functions write.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::extract::State;
use jiff::Timestamp;
use penstock_domain::fetch_request::Mode;
use penstock_domain::record::Item;
use penstock_domain::ticket::Ticket;
use penstock_edge::telemetry::chain;
use penstock_store::api_keys::{self, NewKey, Scope};
use penstock_testkit::TestDatabase;
use penstock_tests::captured_log::CapturedLog;
use penstock_tests::test_app::{TestApp, batch};
use serde_json::{Value, json};
use uuid::Uuid;

use crate::ingest::post;
use crate::stripe_account::{NOW, account};
use crate::{metrics, webhook};

/// The planted text. It is long enough to come from nowhere else.
const SECRET: &str = "Canary 7f3ad1 <canary@example.com>";

/// The planted number. As a time it is just before [`NOW`].
const SECRET_NUMBER: i64 = 1_780_271_846;

/// A text that no index takes, so that Postgres refuses the row.
fn long_secret() -> String {
    (0..400).map(|n| format!("{SECRET}{}", fastrand::Rng::with_seed(n).u64(..))).collect()
}

/// Returns the message once for each of its fields and each planted value.
fn planted(message: &Value) -> Vec<Value> {
    let mut places = Vec::new();
    collect_places(message, String::new(), &mut places);
    let values =
        [json!(SECRET), json!(SECRET_NUMBER), json!({SECRET: [SECRET]}), json!(long_secret())];
    let plant = |place: &str, value: &Value| {
        let mut message = message.clone();
        *message.pointer_mut(place).unwrap() = value.clone();
        message
    };
    places.iter().flat_map(|place| values.iter().map(move |value| plant(place, value))).collect()
}

/// Collects the JSON pointers of all fields, those of objects and arrays included.
fn collect_places(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (name, inner) in fields {
                collect_places(inner, format!("{place}/{name}"), places);
            }
        }
        Value::Array(inner) => {
            for (index, inner) in inner.iter().enumerate() {
                collect_places(inner, format!("{place}/{index}"), places);
            }
        }
        _ => {}
    }
    places.push(place);
}

/// Asserts that no line holds a planted value, and that lines of these events are among them.
fn assert_silent(log: &CapturedLog, events: &[&str]) {
    let text = log.text();
    for line in text.lines() {
        let found = line.contains("Canary") || line.contains(&SECRET_NUMBER.to_string());
        assert!(!found, "a line repeats what was sent: {line}");
    }
    for event in events {
        assert!(text.contains(&format!("\"event\":\"{event}\"")), "no line is of {event}: {text}");
    }
}

/// Payments of every kind, a contact, a deal and an entry of a calendar, as vendors send them.
fn objects() -> [(&'static str, &'static str, Value); 6] {
    let charge = json!({"id": "ch_1", "object": "charge", "amount": 700, "amount_captured": 700, "captured": true,
        "created": NOW, "currency": "usd", "description": "d", "livemode": false, "status": "succeeded",
        "billing_details": {"email": "a@example.com", "name": "n"}});
    let refund = json!({"id": "re_1", "object": "refund", "amount": 7, "created": NOW, "currency": "usd",
        "charge": "ch_1", "status": "succeeded"});
    let dispute = json!({"id": "dp_1", "object": "dispute", "amount": 7, "created": NOW, "currency": "usd",
        "charge": "ch_1", "livemode": false, "status": "lost"});
    let contact = json!({"id": "1", "archived": false, "createdAt": "2026-05-01T00:00:00Z",
        "updatedAt": "2026-05-01T00:00:00Z", "properties": {"email": "a@example.com", "firstname": "f",
        "lastname": "l", "phone": "p", "lastmodifieddate": "2026-05-01T00:00:00Z", "hs_object_id": "1"}});
    let deal = json!({"id": "7", "archived": false, "createdAt": "2026-05-01T00:00:00Z",
        "updatedAt": "2026-05-01T00:00:00Z", "properties": {"amount": "1.5", "deal_currency_code": "EUR",
        "dealstage": "closedwon", "closedate": "2026-05-01T00:00:00Z", "hs_is_closed_won": "true",
        "hs_lastmodifieddate": "2026-05-01T00:00:00Z"}});
    let entry = json!({"id": "e1", "status": "confirmed", "summary": "s", "updated": "2026-05-01T00:00:00.000Z",
        "start": {"dateTime": "2026-05-01T00:00:00Z"}, "end": {"dateTime": "2026-05-01T01:00:00Z"},
        "attendees": [{"email": "a@example.com"}]});
    [
        ("stripe", "charge", charge),
        ("stripe", "refund", refund),
        ("stripe", "dispute", dispute),
        ("hubspot", "contact", contact),
        ("hubspot", "deal", deal),
        ("gcal", "calendar_event", entry),
    ]
}

#[tokio::test]
async fn trap_86_no_line_of_process_and_bury_repeats_a_field_of_a_row_or_of_a_message() {
    let app = TestApp::over(account(860, 1)).await;
    let log = CapturedLog::start();
    let at = Timestamp::from_second(NOW).unwrap();
    for (source, entity, object) in objects() {
        let bodies: Vec<String> = planted(&object).iter().map(Value::to_string).collect();
        let items: Vec<Item<'_>> = bodies
            .iter()
            .enumerate()
            .map(|(n, body)| Item {
                entity: entity.to_owned(),
                external_id: object["id"].as_str().unwrap().to_owned(),
                version_key: format!("v{n}"),
                version_at: at + Duration::from_secs(n as u64),
                api_version: None,
                payload: body.as_bytes(),
            })
            .collect();
        let ids = app.put_of(source, &items).await;
        // One by one: of a batch only the newest version of an object would be written.
        for id in ids {
            let ticket = Ticket::new(vec![id]).to_body();
            assert_eq!(app.deliver(&[ticket], 1).await.failures(), 0, "{source} {entity}");
        }
    }
    let ticket = json!({"v": 1, "ids": [Uuid::nil()]});
    let mut messages: Vec<String> = planted(&ticket).iter().map(Value::to_string).collect();
    messages.push(SECRET.to_owned());
    let _comes_again = app.deliver(&messages, 1).await;
    assert_eq!(app.bury.handle(batch(&messages, 6)).await.failures(), 0);
    assert_silent(&log, &["row_dead", "not_a_ticket", "buried", "batch_processed"]);
    let refused: i64 =
        app.db.scalar("select count(*) from dead_letters where error_kind = 'refused'").await;
    assert!(refused > 0, "Postgres refused no planted value");
}

#[tokio::test]
async fn no_line_of_webhook_and_ingest_repeats_a_field_of_a_request_also_round_a_database_that_is_away()
 {
    let mut app = TestApp::over(account(861, 1)).await;
    app.let_in().await;
    let log = CapturedLog::start();
    let event: Value = serde_json::from_str(&webhook::charge_event("evt_1", "ch_1", NOW)).unwrap();
    let lead = json!({"email": "a@example.com", "phone": "1", "name": "n", "company": "c", "message": "m"});
    let events = json!([{"eventId": "e", "userId": "u", "sessionId": "s", "type": "t",
        "occurredAt": "2026-06-01T00:00:00Z", "payload": {"a": 1}, "metadata": {"b": [2]}}]);
    let here = app.ingest.database.clone();
    for is_away in [false, true] {
        if is_away {
            (app.ingest.database, app.webhook.database) = (app.nowhere(), app.nowhere());
        }
        for body in planted(&event).iter().filter(|body| is_no_name(body)) {
            let _status = webhook::send(&app, webhook::signed(&app, &body.to_string())).await;
        }
        for (path, message) in [("/leads", &lead), ("/api/lead", &lead), ("/events", &events)] {
            for (n, body) in planted(message).iter().enumerate() {
                let key = format!("Canary-{is_away}-{n}");
                let headers = [("Idempotency-Key", key.as_str()), ("Content-Type", SECRET)];
                post(&app.ingest, path, &headers, body.to_string().as_bytes()).await;
            }
            post(&app.ingest, &format!("{path}?q=Canary"), &[("X-Api-Key", SECRET)], b"Canary")
                .await;
        }
    }
    (app.ingest.database, app.webhook.database) = (here.clone(), here);
    let spilled = app.spill.take();
    assert!(spilled.len() > 40, "only {} requests were spilled", spilled.len());
    assert_eq!(app.bring_in(&spilled).await, 0);
    // Made by hand: without a seal, and with one that is not its own.
    let (seal, first) = spilled[0].split_at(spilled[0].find('{').unwrap());
    let first: Value = serde_json::from_str(first).unwrap();
    let by_hand =
        planted(&first).into_iter().flat_map(|text| [format!("{seal}{text}"), text.to_string()]);
    let by_hand: Vec<String> = by_hand.collect();
    let _comes_again = app.bring_in(&by_hand).await;
    let _comes_again = app.bury.handle(batch(&by_hand, 6)).await;
    let lines = ["delivery", "kept", "spilled", "spill_brought_in", "spill_refused", "buried"];
    assert_silent(&log, &lines);
}

/// Whether the planted value is in no field that is a name or an id: those are logged.
fn is_no_name(event: &Value) -> bool {
    ["/id", "/type", "/object", "/data/object/id", "/data/object/object"].iter().all(|place| {
        let field = event.pointer(place).map(Value::to_string).unwrap_or_default();
        !field.contains("Canary") && !field.contains(&SECRET_NUMBER.to_string())
    })
}

/// A vendor that answers every request with the body that it is given.
async fn parrot(body: Arc<Mutex<String>>) -> SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let say = |State(body): State<Arc<Mutex<String>>>| async move { body.lock().unwrap().clone() };
    let router = Router::new().fallback(say).with_state(body);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test]
async fn no_line_of_fetch_repeats_a_field_of_a_reply_or_of_a_request() {
    let body = Arc::new(Mutex::new(String::new()));
    let url = format!("http://{}", parrot(Arc::clone(&body)).await);
    let settings = [("STRIPE_BASE_URL", url.as_str()), ("STRIPE_WINDOW_DAYS", "36500")];
    let app = TestApp::with_settings(account(862, 1), &settings).await;
    let log = CapturedLog::start();
    let (_, _, charge) = objects().into_iter().next().unwrap();
    let page = json!({"object": "list", "data": [charge], "has_more": false, "url": "/v1/charges"});
    // A page that promises more would be asked for again and again.
    for reply in planted(&page).iter().filter(|reply| reply["has_more"] == json!(false)) {
        *body.lock().unwrap() = reply.to_string();
        for mode in [Mode::Full, Mode::Reconcile] {
            let _outcome = app.fetch_within("charge", mode, Duration::from_secs(60)).await;
        }
        app.requests.take();
    }
    let request = json!({"source": "stripe", "entity": "charge", "mode": "object", "ids": ["ch_1"],
        "resume": false, "unpause": false});
    for message in planted(&request).iter().filter(|message| message["ids"] == request["ids"]) {
        let records = json!({"Records": [{"messageId": "m", "body": message.to_string()}]});
        let deadline = app.relay_deadline();
        let _reply = app.fetch.handle(records, deadline).await.unwrap();
        let by_rule = app.fetch.handle(message.clone(), deadline).await;
        let said = by_rule.map_or_else(|error| error.to_string(), |reply| reply.to_string());
        assert!(!said.contains("Canary"), "{said}");
    }
    assert_silent(&log, &["cannot_compare", "request_failed", "run_failed"]);
}

#[tokio::test]
async fn no_line_of_metrics_repeats_a_path_a_query_a_header_or_a_key() {
    let database = metrics::database().await;
    let ports = metrics::ports(database.database_of("metrics", 1), metrics::config());
    let log = CapturedLog::start();
    let paths =
        ["/users/Canary/journey", "/metrics/revenue/summary", "/runs/Canary", "/Canary", "/runs"];
    for path in paths {
        for query in ["", "?q=Canary", "?currency=Canary&from=Canary&cursor=Canary&source=Canary"] {
            for key in [metrics::READ_KEY, SECRET] {
                let headers = [("x-api-key", key), ("user-agent", SECRET), ("cookie", SECRET)];
                let event = metrics::event("GET", &format!("{path}{query}"), &headers);
                metrics::send(&ports, &event).await;
            }
        }
    }
    assert_silent(&log, &["answered"]);
}

#[tokio::test]
async fn trap_86_an_error_that_postgres_explains_by_the_row_is_logged_without_the_row() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let key = NewKey {
        id: Uuid::nil(),
        name: SECRET,
        scope: Scope::Read,
        sha256: [7; 32],
        rate_per_second: Some(-1),
    };
    let error = api_keys::insert(&client, key, metrics::noon()).await.unwrap_err();
    assert!(chain(&error).contains("api_keys_rate_per_second_check"), "{}", chain(&error));
    for text in [chain(&error), format!("{error:?}"), error.reason(), error.to_string()] {
        assert!(!text.contains("Canary"), "{text}");
    }
}
