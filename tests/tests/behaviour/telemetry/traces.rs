//! One trace from the edge to the table, over every queue on the way.

use std::time::Duration;

use axum::Router;
use axum::extract::State;
use axum::http::HeaderMap;
use penstock_domain::clock::Clock as _;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::ids::OutboxId;
use penstock_domain::record::Item;
use penstock_domain::ticket::Ticket;
use penstock_domain::trace::Trace;
use penstock_edge::http::Service as _;
use penstock_edge::sqs::SqsEvent;
use penstock_edge::telemetry::work::Work;
use penstock_testkit::{SentMessage, binary};
use penstock_tests::captured_log::CapturedLog;
use penstock_tests::fake_aws::FakeAws;
use penstock_tests::gateway::{Server, Settings};
use penstock_tests::hosting::{Hosted, HostedFunction};
use penstock_tests::http_client;
use penstock_tests::test_app::{INGEST_KEY, TestApp};
use penstock_tests::victim::Victim;
use serde_json::{Value, json};
use std::sync::{Arc, Mutex};
use uuid::Uuid;

use super::{handed_over, lines, printed};
use crate::ingest::request;
use crate::stripe_account::{NOW, account};

const SENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// The work that a rule's event is, of a trace of its own.
fn invoked(function: &'static str) -> Work {
    Work::invoked(function, "an-invocation", None)
}

fn tickets_of(messages: &[SentMessage]) -> Vec<OutboxId> {
    messages.iter().flat_map(|message| Ticket::parse(&message.body).unwrap().ids).collect()
}

async fn process(app: &TestApp, event: Value) -> String {
    let event: SqsEvent = serde_json::from_value(event).unwrap();
    let log = CapturedLog::start();
    let deadline = app.clock.now() + Duration::from_secs(60);
    assert_eq!(app.process.handle(event, deadline).await.failures(), 0);
    log.text()
}

/// The gateway, with `ingest` as built behind it.
fn gateway(app: &TestApp, aws: &FakeAws, log: &std::path::Path) -> Server {
    let mut variables = vec![("DATABASE_URL".to_owned(), app.db.url_of("ingest"))];
    let of_lambda = [
        ("AWS_LAMBDA_FUNCTION_NAME", "ingest"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "test"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "test"),
        ("AWS_ACCESS_KEY_ID", "test"),
        ("AWS_SECRET_ACCESS_KEY", "test"),
    ];
    variables.extend(of_lambda.map(|(name, value)| (name.to_owned(), value.to_owned())));
    variables.extend(aws.environment().into_iter().map(|(name, value)| (name.to_owned(), value)));
    let function = HostedFunction {
        name: "ingest".to_owned(),
        bootstrap: binary("ingest"),
        variables,
        timeout: Duration::from_secs(20),
        most: 1,
        log: log.to_owned(),
    };
    let settings = Settings { name: "traced", ..Settings::default() };
    Server::start(settings, Hosted::new(vec![function]), std::io::sink()).unwrap()
}

#[tokio::test]
async fn one_trace_goes_from_the_edge_to_the_table() {
    let app = TestApp::over(account(6_101, 1)).await;
    app.let_in().await;
    let aws = FakeAws::start().await;
    let log = std::env::temp_dir().join(format!("{}.log", app.db.login().database));
    let server = gateway(&app, &aws, &log);
    let post = http_client::new()
        .post(format!("{}/leads", server.url()))
        .header("x-api-key", INGEST_KEY)
        .header("traceparent", SENT)
        .body(r#"{"email":"ada@example.com"}"#);
    assert_eq!(post.send().await.unwrap().status(), 201);
    let edge = std::fs::read_to_string(&log).unwrap();
    std::fs::remove_file(&log).unwrap();
    let [kept] = lines(&edge, "kept").try_into().unwrap();
    let [answered] = lines(&edge, "answered").try_into().unwrap();
    assert_eq!((&kept["trace_id"], &answered["trace_id"]), (&json!(TRACE), &json!(TRACE)));

    let process = Victim::start("process", &app.db, &[]).await;
    process.host.invoke(aws.take_event("tickets")).await.reply();
    let [worked] = lines(&printed(process).await, "message_worked").try_into().unwrap();
    assert_eq!(worked["trace_id"], TRACE);
    assert_eq!((&worked["sent_by"], &worked["outcome"]), (&json!("ingest"), &json!("done")));
    assert_eq!((&worked["rows"], &worked["outbox_id"]), (&json!(1), &kept["outbox_id"]));
    let row: Uuid =
        app.db.scalar("select outbox_id from leads where email = 'ada@example.com'").await;
    assert_eq!(kept["outbox_id"], row.to_string(), "the line names the row that the table names");
}

#[tokio::test]
async fn each_message_of_a_batch_is_of_its_own_trace_and_so_is_a_row_that_dies() {
    let app = TestApp::over(account(6_102, 1)).await;
    let put = async |id: &str, payload: &str| {
        let item = Item {
            entity: "charge".to_owned(),
            external_id: id.to_owned(),
            version_key: id.to_owned(),
            version_at: jiff::Timestamp::from_second(NOW).unwrap(),
            api_version: None,
            payload: payload.as_bytes(),
        };
        app.put(&[item]).await
    };
    let good = format!(
        r#"{{"id":"ch_1","object":"charge","amount":7,"captured":true,"created":{NOW},
            "currency":"usd","livemode":false,"status":"succeeded"}}"#
    );
    let tickets = [put("ch_1", &good).await, put("ch_2", "no charge").await];
    let works = ["one", "two"].map(|name| Work::invoked("webhook", name, None));
    let sent = tickets.iter().zip(&works).map(|(ids, work)| SentMessage {
        body: Ticket::new(ids.clone()).to_body(),
        delay: Duration::ZERO,
        by: Some(work.clone()),
    });
    let text = process(&app, handed_over(&sent.collect::<Vec<_>>())).await;
    let worked = lines(&text, "message_worked");
    let traces: Vec<&Value> = worked.iter().map(|line| &line["trace_id"]).collect();
    let [one, two] = works.map(|work| json!(work.trace.id.to_string()));
    assert_eq!(traces, [&one, &two]);
    let [dead] = lines(&text, "row_dead").try_into().unwrap();
    assert_eq!((&dead["trace_id"], &dead["outbox_id"]), (&two, &json!(tickets[1][0].to_string())));
    assert_eq!(lines(&text, "batch_processed").len(), 1);
}

#[tokio::test]
async fn a_ticket_that_relay_sends_again_says_so_and_its_row_is_named_at_the_edge() {
    let app = TestApp::over(account(6_103, 1)).await;
    app.let_in().await;
    let log = CapturedLog::start();
    let headers = [("X-Api-Key", INGEST_KEY), ("traceparent", SENT)];
    app.ingest.handle(&request("/leads", &headers, b"a lead"), "edge").await;
    let [kept] = lines(&log.text(), "kept").try_into().unwrap();
    drop(log);
    assert_eq!(app.tickets.take().len(), 1, "and lost");
    app.clock.advance(Duration::from_secs(400));
    let round = invoked("relay");
    round.clone().run(app.relay.run_once(app.relay_deadline())).await.unwrap();
    let text = process(&app, handed_over(&app.tickets.take_messages())).await;
    let [worked] = lines(&text, "message_worked").try_into().unwrap();
    assert_eq!(worked["sent_by"], "relay");
    assert_eq!(worked["trace_id"], round.trace.id.to_string(), "of the round");
    assert_eq!(worked["outbox_id"], kept["outbox_id"], "by which the edge is found");
    assert_eq!(kept["trace_id"], TRACE);
}

#[tokio::test]
async fn a_request_that_goes_round_a_database_that_is_away_keeps_its_trace() {
    let mut app = TestApp::over(account(6_104, 1)).await;
    app.let_in().await;
    let here = app.ingest.database.clone();
    app.ingest.database = app.nowhere();
    let headers = [("X-Api-Key", INGEST_KEY), ("traceparent", SENT)];
    let reply = app.ingest.handle(&request("/leads", &headers, b"a lead"), "edge").await;
    assert_eq!(reply.status_code, 202);
    app.ingest.database = here;
    let log = CapturedLog::start();
    let spilled = handed_over(&app.spill.take_messages());
    invoked("webhook").run(app.webhook.invoke(spilled, "invocation")).await.unwrap();
    let [worked] = lines(&log.text(), "message_worked").try_into().unwrap();
    drop(log);
    assert_eq!((&worked["trace_id"], &worked["function"]), (&json!(TRACE), &json!("webhook")));
    let text = process(&app, handed_over(&app.tickets.take_messages())).await;
    let [worked] = lines(&text, "message_worked").try_into().unwrap();
    assert_eq!((&worked["trace_id"], &worked["sent_by"]), (&json!(TRACE), &json!("webhook")));
}

#[tokio::test]
async fn what_a_rule_asks_for_is_one_trace_to_the_last_ticket() {
    let app = TestApp::over(account(6_105, 30)).await;
    let rule = invoked("fetch");
    let deadline = app.clock.now() + Duration::from_secs(600);
    let due = json!({"due": "incremental"});
    Box::pin(rule.clone().run(app.fetch.handle(due, deadline))).await.unwrap();
    let mut requests = Vec::new();
    // The first increment asks for the full runs.
    loop {
        let next = app.requests.take_messages();
        if next.is_empty() {
            break;
        }
        app.clock.advance(Duration::from_secs(60));
        let deadline = app.clock.now() + Duration::from_secs(600);
        Box::pin(app.fetch.handle(handed_over(&next), deadline)).await.unwrap();
        requests.extend(next);
    }
    assert!(requests.len() > 1, "{requests:?}");
    let tickets = app.tickets.take_messages();
    assert!(!tickets_of(&tickets).is_empty());
    for message in requests.iter().chain(&tickets) {
        let by = message.by.as_ref().unwrap();
        assert_eq!((by.trace.id, by.function), (rule.trace.id, "fetch"));
    }
    let text = process(&app, handed_over(&tickets)).await;
    for line in lines(&text, "message_worked") {
        assert_eq!(line["trace_id"], rule.trace.id.to_string(), "{line}");
    }
}

#[tokio::test]
async fn a_message_of_a_sender_that_knows_no_trace_is_worked_in_that_of_the_invocation() {
    let app = TestApp::over(account(6_106, 1)).await;
    let invocation = invoked("process");
    let ticket =
        SentMessage { body: Ticket::new(Vec::new()).to_body(), delay: Duration::ZERO, by: None };
    let text = invocation.clone().run(process(&app, handed_over(&[ticket]))).await;
    let [worked] = lines(&text, "message_worked").try_into().unwrap();
    assert_eq!(worked["trace_id"], invocation.trace.id.to_string());
    assert_eq!(worked["request_id"], "an-invocation");
    assert!(worked.get("sent_by").is_none(), "{worked}");
}

/// The headers of the requests that a vendor got.
type Heard = Arc<Mutex<Vec<HeaderMap>>>;

#[tokio::test]
async fn a_vendor_is_told_no_trace_of_ours() {
    let heard = Heard::default();
    let hear = |State(heard): State<Heard>, headers: HeaderMap| async move {
        heard.lock().unwrap().push(headers);
        r#"{"object":"list","data":[],"has_more":false,"url":"/v1/charges"}"#
    };
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(hear).with_state(Arc::clone(&heard));
    tokio::spawn(async move { axum::serve(listener, router).await });
    let settings = [("STRIPE_BASE_URL", url.as_str()), ("STRIPE_WINDOW_DAYS", "36500")];
    let app = TestApp::with_settings(account(6_107, 1), &settings).await;
    let request = FetchRequest::new("stripe", "charge", Mode::Full);
    let deadline = app.clock.now() + Duration::from_secs(60);
    let trace = Trace::continued(SENT, "unit").unwrap();
    let work = Work { trace, ..invoked("fetch") };
    work.run(app.fetch.serve(&request, deadline)).await.unwrap();
    let heard = heard.lock().unwrap();
    assert!(!heard.is_empty());
    for headers in heard.iter() {
        let text = format!("{headers:?}");
        assert!(!text.contains(TRACE) && headers.get("traceparent").is_none(), "{text}");
    }
}
