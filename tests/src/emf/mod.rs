//! Lines of metrics in what a function has printed, each checked against the format and against the
//! metrics that the code declares.
#![allow(clippy::expect_used, clippy::panic, reason = "for tests only: to fail is to panic")]

mod schema;

use std::collections::{BTreeMap, BTreeSet};

use penstock_edge::telemetry::metric::Metric;
use serde_json::Value;

pub use schema::faults;

/// The schema of a line.
const SCHEMA: &str = include_str!("schema.json");

/// Lambda takes no longer line, and CloudWatch no longer event.
const LONGEST: usize = 256 * 1024;

/// One value of a metric, or several.
#[derive(Debug, Clone, PartialEq)]
pub struct Point {
    /// The metric.
    pub metric: Metric,
    /// The values of its dimensions, by name.
    pub dimensions: BTreeMap<String, String>,
    /// The values that were measured.
    pub values: Vec<f64>,
}

/// Returns what the lines of metrics in `output` say.
///
/// # Panics
///
/// If a line is not as the format wants it, or says something that the code does not declare. If
/// another line has a part of one in it, or a line is no JSON at all.
#[must_use]
pub fn points(output: &str) -> Vec<Point> {
    let schema: Value = serde_json::from_str(SCHEMA).expect("the schema is JSON");
    let mut points = Vec::new();
    for line in output.lines() {
        let is_metric = line.contains("\"_aws\"") || line.contains("CloudWatchMetrics");
        let read: Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        if !is_metric {
            continue;
        }
        let faults = faults(&schema, &read);
        assert!(faults.is_empty(), "{faults:#?}: {line}");
        assert!(line.len() < LONGEST && line.starts_with('{') && line.ends_with('}'), "{line}");
        for directive in read["_aws"]["CloudWatchMetrics"].as_array().expect("directives") {
            points.extend(of_directive(directive, &read, line));
        }
    }
    points
}

fn of_directive(directive: &Value, root: &Value, line: &str) -> Vec<Point> {
    let texts = |value: &Value| -> Vec<String> {
        let items = value.as_array().into_iter().flatten();
        items.map(|item| item.as_str().expect("a text").to_owned()).collect()
    };
    let sets: Vec<Vec<String>> =
        directive["Dimensions"].as_array().expect("sets").iter().map(texts).collect();
    let [names] = sets.as_slice() else { panic!("each set is billed: {line}") };
    let value_of = |name: &String| {
        let value = root[name].as_str().unwrap_or_else(|| panic!("{name} is no text: {line}"));
        (name.clone(), value.to_owned())
    };
    let dimensions: BTreeMap<String, String> = names.iter().map(value_of).collect();
    let defined = directive["Metrics"].as_array().expect("metrics").iter();
    let points = defined.map(|definition| {
        let name = definition["Name"].as_str().expect("a name");
        let metric = Metric::ALL.into_iter().find(|metric| metric.name() == name);
        let metric = metric.unwrap_or_else(|| panic!("{name} is not declared: {line}"));
        assert_eq!(definition["Unit"], metric.unit().as_str(), "{line}");
        assert_eq!(*names, metric.scope().dimensions(), "{line}");
        let function = dimensions["Function"].as_str();
        assert!(metric.functions().contains(&function), "{function} does not declare {name}");
        let values = match &root[name] {
            Value::Array(values) => values.iter().filter_map(Value::as_f64).collect(),
            value => vec![value.as_f64().unwrap_or_else(|| panic!("{name} has no value: {line}"))],
        };
        Point { metric, dimensions: dimensions.clone(), values }
    });
    let points: Vec<Point> = points.collect();
    let mut targets: BTreeSet<&str> = points.iter().map(|point| point.metric.name()).collect();
    targets.extend(names.iter().map(String::as_str));
    targets.insert("_aws");
    let members: BTreeSet<&str> =
        root.as_object().expect("an object").keys().map(String::as_str).collect();
    assert_eq!(members, targets, "a member that no metric names: {line}");
    points
}

/// Returns the values of a metric, in the order of their lines.
#[must_use]
pub fn values_of(points: &[Point], metric: Metric) -> Vec<f64> {
    points.iter().filter(|it| it.metric == metric).flat_map(|it| it.values.clone()).collect()
}
