//! The rules that infra/template.yaml must meet before a deployment.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use penstock_domain::due::{Due, DueRequest};
use penstock_edge::http::Method;
use penstock_store::roles::limits::{self, Idle, Seconds};

use penstock_tests::template::{Template, short_name, target};

const DAY_SECONDS: i64 = 24 * 60 * 60;

#[test]
fn trap_22_dead_letter_queues_keep_messages_for_14_days_longer_than_their_source() {
    let template = Template::read();
    let mut sources = 0;
    for (name, queue) in template.resources("AWS::SQS::Queue") {
        let Some(redrive) = queue.get("RedrivePolicy") else { continue };
        let dead_letters = template.resource(target(&redrive["deadLetterTargetArn"]));
        let (kept, kept_dead) = (
            template.number(&queue["MessageRetentionPeriod"]),
            template.number(&dead_letters["MessageRetentionPeriod"]),
        );
        assert_eq!(kept_dead, 14 * DAY_SECONDS, "{name}'s dead letters");
        assert!(kept < kept_dead, "{name} keeps its messages as long as its dead letters");
        assert_eq!(template.number(&redrive["maxReceiveCount"]), 5, "{name}");
        sources += 1;
    }
    assert_eq!(
        sources, 7,
        "tickets, fetch requests, quick ones, steps of transactions, spilled requests of three senders"
    );
}

#[test]
fn trap_23_visibility_is_at_least_six_times_the_functions_timeout() {
    let template = Template::read();
    let mut mappings = 0;
    for (name, function) in template.functions() {
        let timeout = template.number(&function["Timeout"]);
        for (queue, mapping) in template.sources(function) {
            let visibility = template.number(&queue["VisibilityTimeout"]);
            assert!(
                visibility >= 6 * timeout,
                "{name}: {visibility} s of a queue against a time-out of {timeout} s"
            );
            assert_eq!(
                mapping["FunctionResponseTypes"],
                serde_json::json!(["ReportBatchItemFailures"]),
                "{name}"
            );
            mappings += 1;
        }
    }
    assert_eq!(mappings, 12, "each queue calls a function");
}

#[test]
fn trap_24_no_queue_drops_a_message_for_being_a_repetition() {
    for (name, queue) in Template::read().resources("AWS::SQS::Queue") {
        assert!(
            queue.get("FifoQueue").is_none() && queue.get("ContentBasedDeduplication").is_none(),
            "{name}"
        );
    }
}

#[test]
fn trap_45_reserved_concurrency_times_pool_stays_under_the_databases_limit() {
    let template = Template::read();
    let mut connections = 0;
    for (name, function) in template.functions() {
        let reserved = function
            .get("ReservedConcurrentExecutions")
            .unwrap_or_else(|| panic!("{name} has no bound"));
        let reserved = template.number(reserved);
        let pool = template.number(&template.variables(function)["DATABASE_POOL_SIZE"]);
        // One of migrate's two connections holds the lock row while the other migrates.
        let pool = if short_name(function) == "migrate" { 2 } else { pool };
        connections += reserved * pool;

        // The pollers of all its queues together. Pollers beyond the reserved concurrency count
        // receives that no function saw.
        let polling: i64 = template
            .sources(function)
            .iter()
            .map(|(_, mapping)| template.number(&mapping["ScalingConfig"]["MaximumConcurrency"]))
            .sum();
        assert!(polling <= reserved, "{name}: {polling} pollers, {reserved} environments");
    }
    let limit = template.number(&serde_json::json!({"Ref": "DatabaseMaxConnections"}));
    assert!(connections < limit, "{connections} connections, {limit} allowed");
}

#[test]
fn trap_69_postgres_ends_what_a_function_leaves_before_lambda_ends_the_function() {
    let template = Template::read();
    for (name, function) in template.functions() {
        let short = short_name(function);
        if short == "migrate" {
            continue; // It owns the tables, and a migration takes what it takes.
        }
        let Seconds { statement, lock, transaction } = limits::seconds(short);
        assert!(lock < statement && statement < transaction, "{name}");
        assert!(i64::from(transaction) < template.number(&function["Timeout"]), "{name}");
    }
}

#[test]
fn trap_69_the_parameter_says_for_how_long_a_silent_function_may_hold_a_lock() {
    let template = Template::read();
    let parameter = &template.parameters()["DatabaseIdleSeconds"];
    let seconds = |what: &str| u32::try_from(parameter[what].as_i64().unwrap()).unwrap();
    assert_eq!(Idle::from_seconds(seconds("Default")), Some(Idle::default()));
    let [least, most] = ["MinValue", "MaxValue"].map(seconds);
    assert!(Idle::from_seconds(least).is_some() && Idle::from_seconds(least - 1).is_none());
    assert!(Idle::from_seconds(most).is_some() && Idle::from_seconds(most + 1).is_none());
    assert!(most < 20, "nobody waits for a frozen function for 20 seconds");
}

#[test]
fn every_function_keeps_its_logs_for_a_time_and_raises_an_alarm_when_it_fails() {
    let template = Template::read();
    let alarms = template.resources("AWS::CloudWatch::Alarm");
    for (name, function) in template.functions() {
        let logs = template.resource(target(&function["LoggingConfig"]["LogGroup"]));
        assert!(template.number(&logs["RetentionInDays"]) > 0, "{name}");
        let group = format!("/aws/lambda/${{AWS::StackName}}-{}", short_name(function));
        assert_eq!(logs["LogGroupName"]["Fn::Sub"], group.as_str());
        let errors = alarms.iter().filter(|(_, alarm)| {
            let dimension = &alarm["Dimensions"][0];
            alarm["Namespace"] == "AWS/Lambda"
                && alarm["MetricName"] == "Errors"
                && dimension["Value"]["Ref"] == name
        });
        assert_eq!(errors.count(), 1, "an alarm for the errors of {name}");
    }
}

#[test]
fn every_dead_letter_queue_and_silence_itself_raise_an_alarm() {
    let template = Template::read();
    let alarms = template.resources("AWS::CloudWatch::Alarm");
    let watches = |metric: &str, queue: &str| {
        alarms.iter().any(|(_, alarm)| {
            let value = &alarm["Dimensions"][0]["Value"];
            alarm["MetricName"] == metric
                && value["Fn::GetAtt"] == serde_json::json!([queue, "QueueName"])
        })
    };
    for (name, queue) in template.resources("AWS::SQS::Queue") {
        if let Some(redrive) = queue.get("RedrivePolicy") {
            let dead_letters = target(&redrive["deadLetterTargetArn"]);
            assert!(
                watches("ApproximateNumberOfMessagesVisible", dead_letters),
                "{dead_letters} of {name}"
            );
        }
    }
    assert!(watches("ApproximateAgeOfOldestMessage", "TicketsQueue"));
    for spill in ["SpillQueue", "IngestSpillQueue", "TransactSpillQueue"] {
        assert!(watches("NumberOfMessagesSent", spill), "what goes round Postgres is seen");
    }
    let silent = alarms.iter().find(|(name, _)| *name == "StalestPullAlarm").unwrap().1;
    assert_eq!(silent["TreatMissingData"], "breaching");
    assert_eq!(silent["Threshold"]["Ref"], "FreshnessSeconds");
}

#[test]
fn the_http_api_has_the_routes_of_its_contract_and_no_other() {
    let routes = Template::read().routes();
    let tables = penstock_tests::contract::routes();
    let mut wanted: BTreeMap<String, BTreeMap<&str, BTreeSet<&Method>>> = BTreeMap::new();
    for (function, table) in &tables {
        for route in table {
            let of_path = wanted.entry(route.path.to_string()).or_default();
            of_path.entry(function).or_default().insert(&route.method);
        }
    }
    assert!(wanted.len() >= 22, "the functions have {} paths", wanted.len());
    assert_eq!(routes.keys().collect::<Vec<_>>(), wanted.keys().collect::<Vec<_>>());
    for (path, methods) in &routes {
        let functions = &wanted[path];
        let of = |method: &str| functions.get(methods[method].as_str());
        // The function replies to other methods: 405, as a problem.
        let any = of("ANY").unwrap_or_else(|| panic!("{path}: no function has any method"));
        if functions.len() == 1 {
            assert_eq!(methods.len(), 1, "{path}");
            continue;
        }
        assert!(!any.contains(&Method::GET), "{path}: two functions read it");
        let reads = BTreeSet::from([&Method::GET]);
        for method in ["GET", "HEAD"] {
            assert_eq!(of(method), Some(&reads), "{path}: {method}");
        }
        assert_eq!((methods.len(), functions.len()), (3, 2), "{path}");
    }
}

#[test]
fn cargo_lambda_watch_has_the_routes_of_the_template() {
    let manifest =
        std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../Cargo.toml"))
            .unwrap();
    let Some((_, table)) = manifest.split_once("[workspace.metadata.lambda.watch.router]\n") else {
        return;
    };
    let (mut paths, mut path) = (BTreeMap::<String, BTreeSet<String>>::new(), String::new());
    for line in table.lines().take_while(|line| !line.is_empty()) {
        let texts: Vec<&str> = line.split('"').skip(1).step_by(2).collect();
        match texts[..] {
            [name] => name.clone_into(&mut path),
            [name, function] if line.starts_with('"') => {
                paths.entry(name.to_owned()).or_default().insert(function.to_owned());
            }
            [_, function] => {
                paths.entry(path.clone()).or_default().insert(function.to_owned());
            }
            _ => {}
        }
    }
    let functions = |(path, methods): (String, BTreeMap<String, String>)| {
        (path, methods.into_values().collect::<BTreeSet<_>>())
    };
    let wanted: BTreeMap<_, _> = Template::read().routes().into_iter().map(functions).collect();
    assert_eq!(paths, wanted);
}

#[test]
fn rules_ask_fetch_for_all_that_can_be_due_and_call_relay_each_minute() {
    let template = Template::read();
    let functions = template.functions();
    let rules = functions.iter().flat_map(|(_, function)| {
        let events = function["Events"].as_object().into_iter().flatten().map(|(_, event)| event);
        let rules =
            events.filter(|event| event["Type"] == "Schedule").map(|event| &event["Properties"]);
        rules.map(|rule| (short_name(function), rule))
    });
    let (fetch, others): (Vec<_>, Vec<_>) = rules.partition(|(name, _)| *name == "fetch");
    let mut asked = BTreeMap::new();
    for (_, rule) in fetch {
        // A connection is made while the system runs: no rule is off for want of a secret.
        assert_eq!(rule["State"]["Ref"], "SchedulesState", "{rule}");
        let DueRequest { due } = serde_json::from_str(rule["Input"].as_str().unwrap()).unwrap();
        asked.insert(due.mode().as_str(), template.text(&rule["Schedule"]).unwrap());
    }
    let wanted = [
        ("full", "cron(11 2 * * ? *)"),
        ("incremental", "cron(2/15 * * * ? *)"),
        ("reconcile", "cron(11 4 ? * SUN *)"),
        ("watch", "cron(56 0/6 * * ? *)"),
    ];
    assert_eq!(asked, wanted.map(|(mode, schedule)| (mode, schedule.to_owned())).into());
    assert_eq!(asked.len(), Due::ALL.len());
    let others: Vec<_> =
        others.iter().map(|(name, rule)| (*name, rule["Schedule"].as_str().unwrap())).collect();
    let wanted = [
        ("accounts", "rate(1 minute)"),
        ("archive", "rate(5 minutes)"),
        ("digest", "rate(1 minute)"),
        ("load", "rate(5 minutes)"),
        ("relay", "rate(1 minute)"),
    ];
    assert_eq!(others, wanted);
}
