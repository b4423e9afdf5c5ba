//! Metrics as lines of the log: CloudWatch's embedded metric format.
//!
//! A line is one JSON object with nothing before or behind it, so it goes past `tracing`. It is
//! written at once and whole: Lambda freezes the process after a reply, and a line that waits in a
//! buffer is lost. CloudWatch may count a line twice.
//! <https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html>

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::OnceLock;
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Number, Value};

use crate::metric::{Metric, STORAGE_RESOLUTION, Scope};

/// CloudWatch takes this many values of a metric in one line.
pub const MOST_VALUES: usize = 100;

/// The namespace of this process, once [`crate::init`] has started it. Without it nothing is
/// written, as in tests that call a handler.
static NAMESPACE: OnceLock<String> = OnceLock::new();

pub(crate) fn start(namespace: String) {
    // The process has one already: `init` was called twice.
    drop(NAMESPACE.set(namespace));
}

/// The values of some metrics at a time, by the values of their dimensions. These are words of the
/// code, so that no id can become one.
#[derive(Debug, Clone, PartialEq)]
pub struct MetricLine {
    at: Timestamp,
    scope: Scope,
    dimensions: BTreeMap<&'static str, &'static str>,
    values: BTreeMap<Metric, Value>,
}

impl MetricLine {
    /// Begins a line about a function.
    #[must_use]
    pub fn of_function(function: &'static str, at: Timestamp) -> Self {
        let dimensions = BTreeMap::from([("Function", function)]);
        Self { at, scope: Scope::Function, dimensions, values: BTreeMap::new() }
    }

    /// Begins a line about rows of one source. `source` is the vendor's name, and not that of a
    /// connection.
    #[must_use]
    pub fn of_source(function: &'static str, source: &'static str, at: Timestamp) -> Self {
        let mut line = Self::of_function(function, at);
        line.scope = Scope::Source;
        line.dimensions.insert("Source", source);
        line
    }

    /// Begins a line about one queue.
    #[must_use]
    pub fn of_queue(function: &'static str, queue: &'static str, at: Timestamp) -> Self {
        let mut line = Self::of_function(function, at);
        line.scope = Scope::Queue;
        line.dimensions.insert("Queue", queue);
        line
    }

    /// Adds a number to the line.
    #[must_use]
    pub fn with(mut self, metric: Metric, value: impl Into<Number>) -> Self {
        self.put(metric, Value::Number(value.into()));
        self
    }

    /// Adds a number if it is known. A point that is missing says that it is not.
    #[must_use]
    pub fn with_known(self, metric: Metric, value: Option<impl Into<Number>>) -> Self {
        match value {
            Some(value) => self.with(metric, value),
            None => self,
        }
    }

    /// Adds a number unless it is 0, for metrics of which a missing point means that. What is not
    /// written for an hour is not billed for that hour.
    #[must_use]
    pub fn with_some(self, metric: Metric, value: usize) -> Self {
        if value == 0 { self } else { self.with(metric, value) }
    }

    /// Adds several numbers. Of more than [`MOST_VALUES`] as many are taken, at even distances in
    /// their order: the least, the largest and all percentiles stay, and the number of them is that
    /// of other metrics.
    #[must_use]
    pub fn with_all<N: Ord + Copy + Into<Number>>(mut self, metric: Metric, values: &[N]) -> Self {
        let taken: Vec<Value> =
            condensed(values).into_iter().map(|value| Value::Number(value.into())).collect();
        if !taken.is_empty() {
            self.put(metric, Value::Array(taken));
        }
        self
    }

    /// Adds several times, as seconds with their milliseconds. As [`Self::with_all`].
    #[must_use]
    pub fn with_times(mut self, metric: Metric, values: &[Duration]) -> Self {
        let seconds = condensed(values).into_iter().filter_map(|time| {
            let whole = Duration::from_millis(u64::try_from(time.as_millis()).ok()?);
            Number::from_f64(whole.as_secs_f64()).map(Value::Number)
        });
        let taken: Vec<Value> = seconds.collect();
        if !taken.is_empty() {
            self.put(metric, Value::Array(taken));
        }
        self
    }

    fn put(&mut self, metric: Metric, value: Value) {
        debug_assert_eq!(metric.scope(), self.scope, "{metric:?} has other dimensions");
        if metric.scope() == self.scope {
            self.values.insert(metric, value);
        }
    }

    /// Returns the line, without its end; `None` if it has no metric.
    #[must_use]
    pub fn text(&self, namespace: &str) -> Option<String> {
        if self.values.is_empty() {
            return None;
        }
        let metrics = self.values.keys().map(|metric| Definition {
            name: metric.name(),
            unit: metric.unit().as_str(),
            storage_resolution: STORAGE_RESOLUTION,
        });
        let directive = Directive {
            namespace,
            dimensions: [self.scope.dimensions()],
            metrics: metrics.collect(),
        };
        let dimensions = self.dimensions.iter().map(|(name, value)| (*name, Value::from(*value)));
        let values = self.values.iter().map(|(metric, value)| (metric.name(), value.clone()));
        let timestamp = self.at.as_millisecond();
        let metadata = Metadata { timestamp, cloud_watch_metrics: [directive] };
        serde_json::to_string(&Document {
            aws: metadata,
            targets: dimensions.chain(values).collect(),
        })
        .ok()
    }

    /// Writes the line to standard output, in one call under the lock that `tracing` takes too: no
    /// other line gets into it. Nothing is written if there is no metric.
    pub fn write(&self) {
        let Some(mut line) = NAMESPACE.get().and_then(|namespace| self.text(namespace)) else {
            return;
        };
        line.push('\n');
        let mut out = io::stdout().lock();
        // Lambda reads it until the process ends. If not, there is nobody to be told.
        drop(out.write_all(line.as_bytes()).and_then(|()| out.flush()));
    }
}

/// Returns the values in order: all of them, or [`MOST_VALUES`] at even distances.
fn condensed<T: Ord + Copy>(values: &[T]) -> Vec<T> {
    let mut sorted = values.to_vec();
    sorted.sort_unstable();
    if sorted.len() <= MOST_VALUES {
        return sorted;
    }
    let last = sorted.len() - 1;
    (0..MOST_VALUES).map(|place| sorted[place * last / (MOST_VALUES - 1)]).collect()
}

#[derive(Serialize)]
struct Document<'a> {
    #[serde(rename = "_aws")]
    aws: Metadata<'a>,
    #[serde(flatten)]
    targets: BTreeMap<&'a str, Value>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Metadata<'a> {
    timestamp: i64,
    cloud_watch_metrics: [Directive<'a>; 1],
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Directive<'a> {
    namespace: &'a str,
    dimensions: [&'a [&'a str]; 1],
    metrics: Vec<Definition>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Definition {
    name: &'static str,
    unit: &'static str,
    storage_resolution: u8,
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn noon() -> Timestamp {
        "2026-05-01T12:00:00.25Z".parse().unwrap()
    }

    fn read(line: &MetricLine) -> Value {
        serde_json::from_str(&line.text("Penstock/shop").unwrap()).unwrap()
    }

    #[test]
    fn a_line_says_what_its_numbers_are_and_has_them_at_its_root() {
        let line = MetricLine::of_source("process", "stripe", noon())
            .with(Metric::RowsProcessed, 2_usize)
            .with_all(Metric::Attempts, &[2, 1])
            .with_times(Metric::LagSeconds, &[Duration::from_micros(1_500_900)])
            .with_some(Metric::RowsDead, 0);
        let metric = |name, unit| json!({"Name": name, "Unit": unit, "StorageResolution": 60});
        let wanted = json!({
            "_aws": {"Timestamp": 1_777_636_800_250_i64, "CloudWatchMetrics": [{
                "Namespace": "Penstock/shop",
                "Dimensions": [["Function", "Source"]],
                "Metrics": [
                    metric("RowsProcessed", "Count"),
                    metric("Attempts", "Count"),
                    metric("LagSeconds", "Seconds"),
                ],
            }]},
            "Function": "process", "Source": "stripe",
            "RowsProcessed": 2, "Attempts": [1, 2], "LagSeconds": [1.5],
        });
        assert_eq!(read(&line), wanted);
        assert!(!line.text("n").unwrap().contains('\n'));
    }

    #[test]
    fn a_line_without_a_number_is_none() {
        let line = MetricLine::of_source("fetch", "gcal", noon())
            .with_some(Metric::RowsTaken, 0)
            .with_known(Metric::Pages, None::<u64>)
            .with_all::<u64>(Metric::RowsRead, &[]);
        assert_eq!(line.text("n"), None);
    }

    #[test]
    fn trap_65_dimensions_are_few_and_none_is_an_id() {
        let sets: BTreeSet<_> =
            Metric::ALL.iter().map(|metric| metric.scope().dimensions()).collect();
        let few: [&[&str]; 3] = [&["Function"], &["Function", "Queue"], &["Function", "Source"]];
        assert_eq!(sets, BTreeSet::from(few));
        let names: BTreeSet<_> = Metric::ALL.iter().map(|metric| metric.name()).collect();
        assert_eq!(names.len(), Metric::ALL.len());
        assert!(Metric::ALL.len() <= 100, "a line could hold too many");
    }

    proptest! {
        #[test]
        fn of_many_values_a_hundred_stay_with_the_least_and_the_largest(
            values in proptest::collection::vec(0_u32..1_000_000, 1..2_000)
        ) {
            let taken = condensed(&values);
            prop_assert_eq!(taken.len(), values.len().min(MOST_VALUES));
            prop_assert_eq!(taken.first(), values.iter().min());
            prop_assert_eq!(taken.last(), values.iter().max());
            prop_assert!(taken.is_sorted());
        }
    }
}
