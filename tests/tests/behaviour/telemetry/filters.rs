//! Each alarm that counts lines of the log: its filter matches the line that the code really writes
//! when that happens, and not the lines beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use digest::Request;
use penstock_clients::sending::NotSent;
use penstock_domain::account::Role;
use penstock_domain::clock::Clock as _;
use penstock_domain::fetch_request::{FetchRequest, MAX_IDLE_HOPS, Mode};
use penstock_domain::record::Item;
use penstock_tests::captured_log::CapturedLog;
use penstock_tests::filter_pattern::FilterPattern;
use penstock_tests::simulators::stripe::Fault;
use penstock_tests::template::{Template, short_name, target};
use penstock_tests::test_app::{TestApp, batch};
use serde_json::Value;

use super::archive::copies;
use super::load::loads;
use super::transactions::transactions;
use crate::accounts::{Ask, World};
use crate::analytics::retention::old_rows;
use crate::digest::{DigestApp, Reply, at};
use crate::gcal::test_app::GcalTestApp;
use crate::ingest::post;
use crate::stripe_account::{NOW, account};
use crate::webhook::{charge_event, send, signed};

/// Lines of a function, among them one that a filter is for.
pub(super) struct Told {
    /// The logical name of the filter.
    pub filter: &'static str,
    pub text: String,
    /// How many of the lines it is for.
    pub matching: usize,
}

pub(super) fn told(filter: &'static str, log: &CapturedLog, matching: usize) -> Told {
    Told { filter, text: log.text(), matching }
}

/// A row that cannot be read, beside one that can.
async fn a_row_dies() -> Told {
    let app = TestApp::over(account(6_120, 5)).await;
    app.fetch("charge", Mode::Full).await.unwrap();
    let item = Item {
        entity: "charge".to_owned(),
        external_id: "ch_bad".to_owned(),
        version_key: "1".to_owned(),
        version_at: jiff::Timestamp::from_second(NOW).unwrap(),
        api_version: None,
        payload: b"no charge",
    };
    let bad = app.put(&[item]).await;
    let mut tickets = app.tickets.take();
    tickets.push(penstock_domain::ticket::Ticket::new(bad).to_body());
    let log = CapturedLog::start();
    assert_eq!(app.deliver(&tickets, 1).await.failures(), 0);
    told("RowDeadFilter", &log, 1)
}

/// A message that is no ticket gets a letter. A ticket whose rows go on gets none.
async fn a_message_is_buried() -> Told {
    let app = TestApp::over(account(6_121, 5)).await;
    app.fetch("charge", Mode::Full).await.unwrap();
    let mut messages = app.tickets.take();
    messages.push("no ticket".to_owned());
    let log = CapturedLog::start();
    assert_eq!(app.bury.handle(batch(&messages, 6)).await.failures(), 0);
    assert!(log.text().matches("\"event\":\"buried\"").count() > 1);
    told("BuriedFilter", &log, 1)
}

/// A spilled request, and the same one with a word changed.
async fn a_spilled_request_is_refused() -> [Told; 2] {
    let mut app = TestApp::over(account(6_122, 1)).await;
    app.let_in().await;
    let here = app.ingest.database.clone();
    app.ingest.database = app.nowhere();
    assert_eq!(post(&app.ingest, "/leads", &[], b"a lead").await.status, 202);
    app.ingest.database = here;
    let [sealed] = app.spill.take().try_into().unwrap();
    let changed = sealed.replacen("leads", "events", 1);
    assert_ne!(changed, sealed);
    let log = CapturedLog::start();
    assert_eq!(app.bring_in(&[sealed.clone(), changed.clone()]).await, 1);
    let by_webhook = told("SpillRefusedFilter", &log, 1);
    drop(log);
    let log = CapturedLog::start();
    assert_eq!(app.bury.handle(batch(&[sealed, changed], 6)).await.failures(), 1);
    [by_webhook, told("BurySpillRefusedFilter", &log, 1)]
}

/// Requests that are kept, that are refused, and that neither Postgres nor SQS can keep.
async fn requests_are_not_kept() -> [Told; 2] {
    let mut app = TestApp::over(account(6_123, 1)).await;
    app.let_in().await;
    let log = CapturedLog::start();
    assert_eq!(post(&app.ingest, "/leads", &[], b"a lead").await.status, 201);
    assert_eq!(post(&app.ingest, "/events", &[], b"no events").await.status, 400);
    let here = app.ingest.database.clone();
    app.ingest.database = app.nowhere();
    app.spill.refuse(true);
    assert_eq!(post(&app.ingest, "/leads", &[], b"another").await.status, 503);
    app.ingest.database = here;
    let by_ingest = told("IngestRefusedFilter", &log, 1);
    drop(log);
    let log = CapturedLog::start();
    let event = |id: &str| signed(&app, &charge_event(id, "ch_1", NOW));
    assert_eq!(send(&app, event("evt_1")).await.0, 200);
    let event = event("evt_2");
    app.webhook.database = app.nowhere();
    assert_eq!(send(&app, event).await.0, 503);
    [by_ingest, told("WebhookRefusedFilter", &log, 1)]
}

/// A run succeeds. Then the key is refused, which fails the run and pauses the pull, once.
async fn a_pull_is_refused() -> [Told; 2] {
    let app = TestApp::over(account(6_124, 5)).await;
    let log = CapturedLog::start();
    app.fetch("charge", Mode::Full).await.unwrap();
    app.stripe.faults().always("/v1/", Fault::Unauthorized);
    app.clock.advance(Duration::from_secs(3_600));
    app.fetch("charge", Mode::Full).await.unwrap_err();
    let text = log.text();
    let filters = ["RunFailedFilter", "PullPausedFilter"];
    filters.map(|filter| Told { filter, text: text.clone(), matching: 1 })
}

/// A run goes on by messages that move nothing.
async fn a_pull_stalls() -> Told {
    let app = TestApp::over(account(6_125, 20)).await;
    let log = CapturedLog::start();
    let mut request = FetchRequest::new("stripe", "charge", Mode::Full);
    for _ in 0..=MAX_IDLE_HOPS {
        let deadline = app.clock.now() + fetch::MARGIN;
        app.fetch.serve(&request, deadline).await.unwrap();
        let Some(body) = app.requests.take().pop() else { break };
        app.clock.advance(Duration::from_secs(901));
        request = serde_json::from_str(&body).unwrap();
    }
    told("PullStalledFilter", &log, 1)
}

/// A full list leaves out nearly half of all.
async fn a_sweep_is_held() -> Told {
    let test = Box::pin(GcalTestApp::filled(6_126, 320)).await;
    test.app.clock.advance(Duration::from_secs(3_600));
    let hidden: Vec<String> =
        test.google.with(|calendar| calendar.present()).into_iter().take(150).collect();
    test.google.with(|calendar| calendar.hide(&hidden));
    let log = CapturedLog::start();
    Box::pin(test.fetch(Mode::Full)).await.unwrap();
    told("SweepHeldFilter", &log, 1)
}

/// One channel takes the message, the other refuses it.
async fn a_digest_is_not_sent() -> Told {
    let due = at("2026-03-27T08:00:00Z");
    let app = DigestApp::new(due, &[]).await;
    app.chat.replies([Reply::NotSent(NotSent::Refused("no such channel".to_owned()))]);
    let log = CapturedLog::start();
    let report = app.daily(due).await;
    assert_eq!((report.sent, report.not_sent), (1, 1));
    app.serve(Request::Check).await;
    told("DigestNotSentFilter", &log, 1)
}

/// Rows are older than their retention by more than a day, and in no file.
async fn retention_is_held() -> Told {
    let app = old_rows(6_128).await;
    app.clock.advance(Duration::from_secs(86_400));
    let log = CapturedLog::start();
    app.relay.run_once(app.relay_deadline()).await.unwrap();
    told("RetentionHeldFilter", &log, 2)
}

/// A session is read, and then Postgres is away. A mail to one who has forgotten a password is
/// refused, and then the requests for mails cannot be read.
async fn accounts_fail() -> [Told; 3] {
    let mut world = World::new().await;
    world.person("ada@example.com", Role::Viewer).await;
    let body = serde_json::json!({"email": "ada@example.com"});
    let forgotten = Ask::post("/api/auth/request-password-reset", &body);
    let log = CapturedLog::start();
    assert_eq!(world.send(forgotten).await.status, 200);
    world.mail.refuse(Some(NotSent::Refused("400 MessageRejected".to_owned())));
    let due = serde_json::json!({"mails": "due"});
    world.invoke(due.clone()).await;
    world.db.client().await.batch_execute("drop table reset_requests").await.unwrap();
    world.invoke(due).await;
    let token = world.signed_in(Role::Viewer).await.1;
    let read = Ask::get("/session").session(&token);
    assert_eq!(world.send(read.clone()).await.status, 200);
    world.ports.database = world.nowhere();
    assert_eq!(world.send(read).await.status, 503);
    let filters =
        ["AccountsFailedFilter", "AccountMailNotSentFilter", "AccountMailsNotFoundFilter"];
    filters.map(|filter| told(filter, &log, 1))
}

/// The function to whose log a filter listens.
fn function_of<'t>(template: &'t Template, filter: &Value) -> &'t str {
    let group = target(&filter["LogGroupName"]);
    let functions = template.functions().into_iter().map(|(_, function)| function);
    let mut of_group =
        functions.filter(|function| target(&function["LoggingConfig"]["LogGroup"]) == group);
    of_group.next().map(short_name).unwrap_or_else(|| panic!("{group} is no function's"))
}

#[tokio::test]
async fn each_filter_matches_the_line_that_is_really_written_and_none_beside_it() {
    let mut all = vec![Box::pin(a_row_dies()).await, Box::pin(a_message_is_buried()).await];
    all.extend(Box::pin(a_spilled_request_is_refused()).await);
    all.extend(Box::pin(requests_are_not_kept()).await);
    all.extend(Box::pin(a_pull_is_refused()).await);
    all.push(Box::pin(a_pull_stalls()).await);
    all.push(Box::pin(a_sweep_is_held()).await);
    all.push(Box::pin(a_digest_is_not_sent()).await);
    all.push(Box::pin(retention_is_held()).await);
    all.extend(Box::pin(transactions()).await);
    all.extend(Box::pin(copies()).await);
    all.extend(Box::pin(loads()).await);
    all.extend(Box::pin(accounts_fail()).await);

    let template = Template::read();
    let filters: BTreeMap<&str, &Value> =
        template.resources("AWS::Logs::MetricFilter").into_iter().collect();
    let driven: BTreeSet<&str> = all.iter().map(|told| told.filter).collect();
    let named: BTreeSet<&str> = filters.keys().copied().collect();
    assert_eq!(driven, named, "a filter that no line is written for proves nothing");

    for Told { filter, text, matching } in &all {
        let filter_of = filters[filter];
        let pattern = filter_of["FilterPattern"].as_str().unwrap();
        let parsed = FilterPattern::parse(pattern)
            .unwrap_or_else(|part| panic!("{filter}: {part} is not understood"));
        let matched: Vec<&str> = text.lines().filter(|line| parsed.matches(line)).collect();
        assert_eq!(matched.len(), *matching, "{filter}: {pattern}\n{matched:#?}\n{text}");
        assert!(text.lines().count() > *matching, "{filter}: no line beside it");
        // A filter that adds up a number reads it from the line.
        let value = filter_of["MetricTransformations"][0]["MetricValue"].as_str().unwrap();
        if let Some(field) = value.strip_prefix("$.") {
            for line in matched {
                let line: Value = serde_json::from_str(line).unwrap();
                assert!(line[field].is_number(), "{filter}: {line}");
            }
        }
    }
}

#[test]
fn each_alarm_without_dimensions_counts_lines_by_a_filter_and_each_filter_is_counted() {
    let template = Template::read();
    let filters = template.resources("AWS::Logs::MetricFilter");
    let counted: BTreeSet<&str> = filters
        .iter()
        .map(|(name, filter)| {
            let transformation = &filter["MetricTransformations"][0];
            let function = function_of(&template, filter);
            assert!(transformation.get("Dimensions").is_none(), "{name} of {function}");
            transformation["MetricName"].as_str().unwrap()
        })
        .collect();
    let alarms = template.resources("AWS::CloudWatch::Alarm");
    let own = alarms.iter().filter(|(_, alarm)| {
        alarm["Namespace"]["Fn::Sub"] == "Penstock/${AWS::StackName}"
            && alarm.get("Dimensions").is_none()
    });
    let watched: BTreeSet<&str> =
        own.map(|(_, alarm)| alarm["MetricName"].as_str().unwrap()).collect();
    assert_eq!(watched, counted);
}
