//! The body of the dashboard: what the functions write of themselves, and what AWS counts of them.

use penstock_clients::depths::QUEUES;
use penstock_domain::intake::{EVENTS, LEADS};
use penstock_domain::source::SOURCES;
use penstock_edge::telemetry::metric::{Metric, Scope};
use serde_json::{Value, json};

use super::part::pascal;

/// The namespace of the functions' own metrics.
pub const NAMESPACE: &str = "Penstock/${AWS::StackName}";

/// Widgets in one row of the grid, which is 24 wide.
const COLUMNS: usize = 3;

/// A graph: its heading, its statistic, and its metrics as the dashboard names them.
struct Graph {
    title: &'static str,
    stat: &'static str,
    metrics: Vec<Value>,
}

/// Returns the dashboard of a stack with these functions, as lines of JSON for `!Sub`.
pub fn body(functions: &[&str]) -> Vec<String> {
    let widgets: Vec<Value> = graphs(functions).iter().enumerate().map(widget).collect();
    let body = json!({ "start": "-PT12H", "widgets": widgets });
    // Each widget is a line: a changed graph is one line of a diff.
    let mut lines = vec![format!("{{\"start\": {},", body["start"]), "\"widgets\": [".to_owned()];
    let last = widgets.len().saturating_sub(1);
    lines.extend(widgets.iter().enumerate().map(|(at, widget)| {
        let comma = if at == last { "" } else { "," };
        format!("{widget}{comma}")
    }));
    lines.push("]}".to_owned());
    lines
}

fn graphs(functions: &[&str]) -> Vec<Graph> {
    let graph =
        |title, stat, metrics: Vec<Vec<Value>>| Graph { title, stat, metrics: metrics.concat() };
    let lambda = |name: &str| of_functions(functions, name);
    vec![
        graph("Rows taken in", "Sum", vec![own(Metric::RowsTaken)]),
        graph("Rows processed", "Sum", vec![own(Metric::RowsProcessed)]),
        graph("Seconds from arrival to processing, p99", "p99", vec![own(Metric::LagSeconds)]),
        graph(
            "Seconds that the oldest row waits, a pull is silent",
            "Maximum",
            vec![own(Metric::OldestPendingSeconds), own(Metric::StalestPullSeconds)],
        ),
        graph(
            "Seconds since a vendor's pull succeeded",
            "Maximum",
            vec![own(Metric::FreshnessSeconds)],
        ),
        graph(
            "Rows given up, retried; new dead letters",
            "Sum",
            vec![own(Metric::RowsDead), own(Metric::RowsRetried), own(Metric::DeadLettersNew)],
        ),
        graph("Attempts of a row, at most", "Maximum", vec![own(Metric::Attempts)]),
        graph("Pages and objects read", "Sum", vec![own(Metric::Pages), own(Metric::RowsRead)]),
        graph(
            "Messages that wait",
            "Maximum",
            vec![own(Metric::MessagesWaiting), own(Metric::MessagesDead), own(Metric::QueueDepth)],
        ),
        graph("Messages that can be received, by SQS", "Maximum", vec![of_queues()]),
        graph("Requests", "Sum", vec![own(Metric::Requests)]),
        graph("Requests answered with 5xx", "Sum", vec![own(Metric::ServerErrors), of_api("5xx")]),
        graph("Connections to the database", "Maximum", vec![own(Metric::DatabaseConnections)]),
        graph("Days ahead with a leaf", "Minimum", vec![own(Metric::PartitionDaysAhead)]),
        graph("Milliseconds of the gateway, p99", "p99", vec![of_api("Latency")]),
        graph("Failed invocations", "Sum", vec![lambda("Errors")]),
        graph("Milliseconds of an invocation, p99", "p99", vec![lambda("Duration")]),
        graph("Environments at work", "Maximum", vec![lambda("ConcurrentExecutions")]),
    ]
}

fn widget((at, graph): (usize, &Graph)) -> Value {
    let (width, height) = (24 / COLUMNS, 6);
    json!({
        "type": "metric",
        "x": at % COLUMNS * width, "y": at / COLUMNS * height, "width": width, "height": height,
        "properties": {
            "title": graph.title, "stat": graph.stat, "period": 300, "view": "timeSeries",
            "region": "${AWS::Region}", "metrics": graph.metrics,
        },
    })
}

/// A metric of the functions' own, once for each of the values that its dimensions have.
fn own(metric: Metric) -> Vec<Value> {
    let of = |function: &str| -> Vec<Value> {
        let named = |values: &[(&str, &str)]| {
            let dimensions = values.iter().flat_map(|(name, value)| [*name, *value]);
            let metric = [NAMESPACE, metric.name(), "Function", function];
            Value::from(metric.into_iter().chain(dimensions).collect::<Vec<_>>())
        };
        match metric.scope() {
            Scope::Function => vec![named(&[])],
            Scope::Source => sources(function).iter().map(|it| named(&[("Source", it)])).collect(),
            Scope::Queue => QUEUES.iter().map(|queue| named(&[("Queue", queue)])).collect(),
        }
    };
    metric.functions().iter().flat_map(|function| of(function)).collect()
}

/// The sources whose rows a function knows.
pub fn sources(function: &str) -> Vec<&'static str> {
    let vendors = SOURCES.iter().map(|source| source.name());
    let sent = [EVENTS, LEADS].into_iter();
    match function {
        "ingest" => sent.collect(),
        "process" | "webhook" => vendors.chain(sent).collect(),
        _ => vendors.collect(),
    }
}

fn of_functions(functions: &[&str], name: &str) -> Vec<Value> {
    let of = |function: &&str| {
        json!(["AWS/Lambda", name, "FunctionName", format!("${{AWS::StackName}}-{function}")])
    };
    functions.iter().map(of).collect()
}

fn of_queues() -> Vec<Value> {
    let of = |queue: &&str| {
        let resource = match queue.strip_suffix("-dlq") {
            Some(_) => pascal(queue),
            None => format!("{}Queue", pascal(queue)),
        };
        let name = format!("${{{resource}.QueueName}}");
        json!(["AWS/SQS", "ApproximateNumberOfMessagesVisible", "QueueName", name])
    };
    QUEUES.iter().map(of).collect()
}

fn of_api(name: &str) -> Vec<Value> {
    vec![json!(["AWS/ApiGateway", name, "ApiId", "${HttpApi}"])]
}

/// The functions that write metrics.
pub fn writers() -> Vec<&'static str> {
    let mut all: Vec<&str> =
        Metric::ALL.iter().flat_map(|metric| metric.functions()).copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// The functions that write metrics, for two alarms: CloudWatch takes ten metrics in one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Writers {
    /// Those that answer requests.
    Answering,
    /// All others.
    Working,
}

/// Returns the metrics of an alarm on lines that CloudWatch could not read as metrics: those of
/// each function of a kind, and their sum.
pub fn unread(metric: &str, kind: Writers) -> Vec<String> {
    let answer = Metric::Requests.functions();
    let is_of_kind = |function: &&str| answer.contains(function) == (kind == Writers::Answering);
    let of = |function: &&str| {
        let (id, logs) = (function, format!("{}Logs", pascal(function)));
        [
            format!("- Id: {id}"),
            "  ReturnData: false".to_owned(),
            "  MetricStat:".to_owned(),
            "    Metric:".to_owned(),
            "      Namespace: AWS/Logs".to_owned(),
            format!("      MetricName: {metric}"),
            format!("      Dimensions: [{{Name: LogGroupName, Value: !Ref {logs}}}]"),
            "    Period: 300".to_owned(),
            "    Stat: Sum".to_owned(),
        ]
    };
    let sum = ["- Id: all", "  Expression: SUM(METRICS())", "  Label: all of these functions"];
    let sum = sum.into_iter().map(str::to_owned);
    let writers = writers();
    sum.chain(writers.iter().filter(|it| is_of_kind(it)).flat_map(of)).collect()
}
