//! The dashboard, the alarms on metrics that cannot be read, and the page: all say what the closed
//! set of metrics says.

use std::collections::{BTreeMap, BTreeSet};

use penstock_clients::depths::QUEUES;
use penstock_edge::telemetry::metric::Metric;
use penstock_tests::repository::root;
use penstock_tests::template::dashboard::{NAMESPACE, sources, writers};
use penstock_tests::template::{Template, short_name, target};
use serde_json::Value;

/// The metrics of AWS's own that the dashboard may show, with their dimension.
const OF_AWS: [(&str, &str, &str); 7] = [
    ("AWS/ApiGateway", "5xx", "ApiId"),
    ("AWS/ApiGateway", "Latency", "ApiId"),
    ("AWS/Lambda", "ConcurrentExecutions", "FunctionName"),
    ("AWS/Lambda", "Duration", "FunctionName"),
    ("AWS/Lambda", "Errors", "FunctionName"),
    ("AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName"),
    ("AWS/SQS", "ApproximateAgeOfOldestMessage", "QueueName"),
];

/// The text of the dashboard's body, before CloudFormation fills it.
fn body(template: &Template) -> String {
    let [(_, dashboard)] = template.resources("AWS::CloudWatch::Dashboard")[..] else {
        panic!("one dashboard")
    };
    dashboard["DashboardBody"]["Fn::Sub"].as_str().unwrap().to_owned()
}

/// The words of one metric of a graph: namespace, name, and the dimensions by name.
fn metric(value: &Value) -> (String, String, BTreeMap<String, String>) {
    let words = value.as_array().unwrap().iter().map(|word| word.as_str().unwrap().to_owned());
    let words: Vec<String> = words.collect();
    let pairs = words[2..].chunks(2).map(|pair| (pair[0].clone(), pair[1].clone()));
    (words[0].clone(), words[1].clone(), pairs.collect())
}

#[test]
fn the_dashboard_shows_every_metric_of_the_code_and_none_that_nobody_writes() {
    let template = Template::read();
    let functions: BTreeSet<String> = template
        .functions()
        .into_iter()
        .map(|(_, function)| format!("${{AWS::StackName}}-{}", short_name(function)))
        .collect();
    let body: Value = serde_json::from_str(&body(&template)).expect("the body is JSON");
    let mut shown = BTreeSet::new();
    for widget in body["widgets"].as_array().unwrap() {
        let metrics = widget["properties"]["metrics"].as_array().unwrap();
        assert!((1..=100).contains(&metrics.len()), "{widget}");
        for (namespace, name, dimensions) in metrics.iter().map(metric) {
            let names: Vec<&str> = dimensions.keys().map(String::as_str).collect();
            if namespace == NAMESPACE {
                let known = Metric::ALL.into_iter().find(|metric| metric.name() == name);
                let known = known.unwrap_or_else(|| panic!("nobody writes {name}"));
                let wanted: BTreeSet<&str> = known.scope().dimensions().iter().copied().collect();
                assert_eq!(names.iter().copied().collect::<BTreeSet<_>>(), wanted, "{name}");
                let function = dimensions["Function"].as_str();
                assert!(known.functions().contains(&function), "{function} does not write {name}");
                let source = dimensions.get("Source").map(String::as_str);
                assert!(source.is_none_or(|it| sources(function).contains(&it)), "{dimensions:?}");
                let queue = dimensions.get("Queue").map(String::as_str);
                assert!(queue.is_none_or(|it| QUEUES.contains(&it)), "{dimensions:?}");
                shown.insert(known);
                continue;
            }
            let known = OF_AWS.iter().find(|(of, it, _)| (*of, *it) == (&*namespace, &*name));
            let (_, _, dimension) = known.unwrap_or_else(|| panic!("{namespace} has no {name}"));
            assert_eq!(names, [*dimension], "{namespace} {name}");
            if namespace == "AWS/Lambda" {
                assert!(functions.contains(&dimensions["FunctionName"]), "{dimensions:?}");
            }
        }
    }
    assert_eq!(shown, Metric::ALL.into_iter().collect(), "each metric is on some graph");
}

#[test]
fn the_graphs_of_the_dashboard_lie_side_by_side_and_refer_to_what_there_is() {
    let template = Template::read();
    let text = body(&template);
    let read: Value = serde_json::from_str(&text).unwrap();
    let mut taken = BTreeSet::new();
    for widget in read["widgets"].as_array().unwrap() {
        let number = |name: &str| widget[name].as_u64().unwrap();
        assert!(number("x") + number("width") <= 24, "{widget}");
        assert!(taken.insert((number("x"), number("y"))), "two graphs at one place: {widget}");
    }
    for reference in text.split("${").skip(1) {
        let name = reference.split('}').next().unwrap();
        let resource = name.strip_suffix(".QueueName").unwrap_or(name);
        let is_there = name.starts_with("AWS::") || !template.resource(resource).is_null();
        assert!(is_there, "there is no {name}");
    }
}

#[test]
fn alarms_on_metrics_that_cannot_be_read_watch_the_log_of_every_function_that_writes_some() {
    let template = Template::read();
    let written: BTreeSet<&str> = writers().into_iter().collect();
    let group = |name: &str| {
        let functions = template.functions();
        let found = functions.iter().find(|(_, function)| short_name(function) == name);
        target(&found.unwrap().1["LoggingConfig"]["LogGroup"]).to_owned()
    };
    let wanted: BTreeSet<String> = written.iter().map(|name| group(name)).collect();
    for (what, name) in [("Parsing", "EMFParsingErrors"), ("Validation", "EMFValidationErrors")] {
        let alarms = ["", "OfWork"].map(|kind| template.resource(&format!("Emf{what}{kind}Alarm")));
        let all = alarms.into_iter().flat_map(|alarm| {
            assert_eq!(alarm["TreatMissingData"], "notBreaching");
            let metrics = alarm["Metrics"].as_array().unwrap();
            // CloudWatch takes ten metrics in an alarm.
            assert!(metrics.len() <= 10, "{} metrics", metrics.len());
            metrics.iter().filter_map(|it| it.get("MetricStat"))
        });
        let watched: BTreeSet<String> = all
            .map(|it| {
                let metric = &it["Metric"];
                assert_eq!(
                    (&metric["Namespace"], &metric["MetricName"]),
                    (&"AWS/Logs".into(), &name.into())
                );
                target(&metric["Dimensions"][0]["Value"]).to_owned()
            })
            .collect();
        assert_eq!(watched, wanted, "{name}");
    }
}

#[test]
fn operations_lists_every_metric_with_its_unit_its_dimensions_and_who_writes_it() {
    let page = std::fs::read_to_string(root().join("docs/OPERATIONS.md")).unwrap();
    let (_, section) = page.split_once("\n## Metrics\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with("| `"));
    let listed: Vec<Vec<String>> = rows
        .map(|row| row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect();
    let row = |metric: &Metric| {
        let functions: Vec<String> =
            metric.functions().iter().map(|function| format!("`{function}`")).collect();
        vec![
            format!("`{}`", metric.name()),
            metric.unit().as_str().to_owned(),
            metric.scope().dimensions().join(", "),
            functions.join(", "),
        ]
    };
    let wanted: Vec<Vec<String>> = Metric::ALL.iter().map(row).collect();
    let said: Vec<Vec<String>> = listed.iter().map(|row| row[..4].to_vec()).collect();
    assert_eq!(said, wanted);
    assert!(listed.iter().all(|row| row.len() == 5 && row[4].len() > 10), "each is explained");
}
