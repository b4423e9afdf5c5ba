//! Every metric, as the functions' own processes print it: valid lines, and nothing in them that is
//! not declared.

use std::collections::BTreeSet;

use penstock_domain::ids::OutboxId;
use penstock_domain::record::Item;
use penstock_domain::ticket::Ticket;
use penstock_edge::telemetry::metric::Metric;
use penstock_tests::emf::{Point, points, values_of};
use penstock_tests::template::Template;
use penstock_tests::test_app::{INGEST_KEY, TestApp};
use penstock_tests::victim::Victim;
use serde_json::{Value, json};

use super::{lines, printed};
use crate::metrics::event;
use crate::stripe_account::{NOW, account};
use crate::webhook::secrets::BuiltWebhook;

const SECRET: &str = "whsec_of_the_metrics";

fn lead(body: &str) -> Value {
    let mut event = event("POST", "/leads", &[("x-api-key", INGEST_KEY)]);
    event["body"] = json!(body);
    event
}

async fn start(function: &str, app: &TestApp) -> Victim {
    let settings = [
        ("STRIPE_BASE_URL", app.stripe.url()),
        ("STRIPE_API_KEY", app.stripe.key()),
        ("STRIPE_LIVEMODE", "false".to_owned()),
        ("STRIPE_RATE_PER_SECOND", "1000".to_owned()),
        ("SOURCES", "stripe".to_owned()),
    ];
    Victim::start(function, &app.db, &settings).await
}

/// A lead and an event come in, a list is pulled, and requests are answered. Returns what the
/// functions print, and the tickets of the lead.
async fn taken_in(app: &TestApp) -> (String, Value) {
    let ingest = start("ingest", app).await;
    let reply = ingest.host.invoke(lead("a lead")).await.reply();
    assert_eq!(reply["statusCode"], 201, "{reply}");
    let tickets = ingest.aws.take_event("tickets");
    let mut output = printed(ingest).await;

    let webhook = BuiltWebhook::at(app.db.url_of("webhook"), SECRET).await;
    assert_eq!(webhook.post("evt_1", &[SECRET]).await, 200);
    webhook.host.kill().await;
    output += &webhook.host.output();

    let fetch = start("fetch", app).await;
    let request = json!({"source": "stripe", "entity": "charge", "mode": "full"});
    assert_eq!(fetch.host.invoke_unhurried(request).await.reply()["outcome"], "finished");
    output += &printed(fetch).await;

    let admin = start("admin", app).await;
    assert_eq!(admin.host.invoke(event("GET", "/nowhere", &[])).await.reply()["statusCode"], 404);
    output += &printed(admin).await;

    let accounts = start("accounts", app).await;
    let reply = accounts.host.invoke(event("GET", "/nowhere", &[])).await.reply();
    assert_eq!(reply["statusCode"], 404);
    output += &printed(accounts).await;

    let console = start("console", app).await;
    let reply = console.host.invoke(event("GET", "/nowhere", &[])).await.reply();
    assert_eq!(reply["statusCode"], 404);
    output += &printed(console).await;

    let transact = start("transact", app).await;
    assert_eq!(
        transact.host.invoke(event("GET", "/nowhere", &[])).await.reply()["statusCode"],
        404
    );
    output += &printed(transact).await;

    let nowhere = [("DATABASE_URL", "postgres://a:b@127.0.0.1:1/none".to_owned())];
    let metrics = Victim::start("metrics", &app.db, &nowhere).await;
    assert_eq!(metrics.host.invoke(event("GET", "/readyz", &[])).await.reply()["statusCode"], 503);
    output += &printed(metrics).await;
    (output, tickets)
}

/// `process` works a lead, a row that cannot be read, and one that another worker holds.
async fn worked(app: &TestApp, tickets: Value) -> String {
    let process = start("process", app).await;
    process.host.invoke(tickets).await.reply();
    let item = |id: &str| Item {
        entity: "charge".to_owned(),
        external_id: id.to_owned(),
        version_key: "1".to_owned(),
        version_at: jiff::Timestamp::from_second(NOW).unwrap(),
        api_version: None,
        payload: b"no charge",
    };
    let (dead, held) = (app.put(&[item("ch_dead")]).await, app.put(&[item("ch_held")]).await);
    let holder = app.db.client().await;
    let hold = format!("begin; select from outbox where id = '{}' for update", held[0]);
    holder.batch_execute(&hold).await.unwrap();
    let record = |ids: &[OutboxId], name: &str| json!({"messageId": name, "body": Ticket::new(ids.to_vec()).to_body()});
    let batch = json!({"Records": [record(&dead, "dead"), record(&held, "held")]});
    let reply = process.host.invoke(batch).await.reply();
    assert_eq!(reply, json!({"batchItemFailures": [{"itemIdentifier": "held"}]}));
    holder.batch_execute("rollback").await.unwrap();
    printed(process).await
}

/// Two rounds of `relay`. The second one finds the tickets of the first in their queue.
async fn rounds(app: &TestApp) -> String {
    let relay = start("relay", app).await;
    for _ in 0..2 {
        relay.host.invoke(json!({})).await.reply();
    }
    printed(relay).await
}

/// The points with these dimensions.
fn of<'p>(all: &'p [Point], metric: Metric, dimensions: &[(&str, &str)]) -> Vec<&'p Point> {
    let fits = |point: &&Point| {
        point.metric == metric
            && dimensions.iter().all(|(name, value)| point.dimensions[*name] == *value)
    };
    all.iter().filter(fits).collect()
}

#[tokio::test]
async fn trap_65_every_metric_is_a_valid_line_of_the_functions_that_declare_it_and_so_is_what_alarms_watch()
 {
    let app = TestApp::over(account(6_110, 30)).await;
    app.let_in().await;
    let (mut output, tickets) = taken_in(&app).await;
    output += &worked(&app, tickets).await;
    output += &rounds(&app).await;
    let all = points(&output);

    let seen: BTreeSet<Metric> = all.iter().map(|point| point.metric).collect();
    assert_eq!(seen, Metric::ALL.into_iter().collect::<BTreeSet<_>>(), "all that is declared");
    for function in Metric::Requests.functions() {
        let [request] = of(&all, Metric::Requests, &[("Function", function)])[..] else {
            panic!("{function} answered one request");
        };
        assert_eq!(request.values, [1.0], "{function}");
    }
    let taken = |function, source| {
        of(&all, Metric::RowsTaken, &[("Function", function), ("Source", source)])
            .iter()
            .flat_map(|point| point.values.clone())
            .sum::<f64>()
    };
    assert_eq!((taken("ingest", "leads"), taken("webhook", "stripe")), (1.0, 1.0));
    assert!(taken("fetch", "stripe") > 0.0);
    assert_eq!(values_of(&all, Metric::ServerErrors), [1.0]);
    assert_eq!(values_of(&all, Metric::RowsDead), [1.0]);
    assert_eq!(values_of(&all, Metric::RowsRetried), [1.0]);
    assert_eq!(values_of(&all, Metric::Attempts), [1.0, 1.0], "a lead, and a row that is dead");
    assert!(values_of(&all, Metric::LagSeconds).iter().all(|lag| *lag >= 0.0));
    let waiting = values_of(&all, Metric::MessagesWaiting);
    assert!(waiting[0] == 0.0 && waiting[1] > 0.0, "{waiting:?}");
    assert_eq!(values_of(&all, Metric::MessagesDead), [0.0, 0.0]);
    let [depth] = of(&all, Metric::QueueDepth, &[("Queue", "tickets")])[..] else {
        panic!("a queue that is empty has no point");
    };
    assert_eq!(depth.values, [waiting[1]]);
    assert!(values_of(&all, Metric::OldestPendingSeconds)[0] > 0.0);
    assert!(values_of(&all, Metric::DatabaseConnections)[0] >= 1.0);

    // The alarms on such metrics: each is on a line that was just printed.
    let template = Template::read();
    let mut watched = 0;
    for (name, alarm) in template.resources("AWS::CloudWatch::Alarm") {
        let is_own = alarm["Namespace"]["Fn::Sub"] == "Penstock/${AWS::StackName}";
        let Some(dimensions) = alarm["Dimensions"].as_array().filter(|_| is_own) else { continue };
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let wanted: std::collections::BTreeMap<String, String> =
            dimensions.iter().map(|it| (text(&it["Name"]), text(&it["Value"]))).collect();
        let is_it = |point: &&Point| {
            alarm["MetricName"] == point.metric.name() && point.dimensions == wanted
        };
        assert!(all.iter().any(|point| is_it(&point)), "{name}: no function prints its metric");
        watched += 1;
    }
    assert_eq!(watched, 4, "oldest row, most silent pull, days ahead, connections");
}

#[tokio::test]
async fn metrics_are_written_whatever_the_log_level_and_between_whole_lines() {
    let app = TestApp::over(account(6_111, 1)).await;
    let quiet = [("PENSTOCK_LOG", "error".to_owned())];
    let metrics = Victim::start("metrics", &app.db, &quiet).await;
    for _ in 0..20 {
        metrics.host.invoke(event("GET", "/healthz", &[])).await.reply();
    }
    let output = printed(metrics).await;
    assert_eq!(values_of(&points(&output), Metric::Requests), [1.0; 20], "{output}");
    assert_eq!(output.lines().count(), 20, "{output}");
}

#[tokio::test]
async fn a_round_that_fails_half_way_tells_what_it_knows_and_leaves_out_what_it_does_not() {
    let app = TestApp::over(account(6_112, 1)).await;
    let nowhere = [("DATABASE_URL", "postgres://a:b@127.0.0.1:1/none".to_owned())];
    let relay = Victim::start("relay", &app.db, &nowhere).await;
    let outcome = relay.host.invoke(json!({})).await;
    assert!(matches!(outcome, penstock_testkit::Outcome::Failed { .. }), "{outcome:?}");
    let output = printed(relay).await;
    let seen: BTreeSet<Metric> = points(&output).iter().map(|point| point.metric).collect();
    assert_eq!(seen, BTreeSet::from([Metric::MessagesWaiting, Metric::MessagesDead]));
    let [relayed] = lines(&output, "relayed").try_into().unwrap();
    assert_eq!(relayed["outcome"], "failed");
    assert!(relayed["error"].is_string() && relayed["ms"].is_u64(), "{relayed}");
    assert!(relayed.get("oldest_pending_s").is_none(), "nobody knows: {relayed}");
}
