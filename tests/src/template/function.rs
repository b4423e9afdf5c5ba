//! A function, as described by its own file and by the sources that it serves.

use std::collections::BTreeMap;

use super::part::pascal;
use super::policy::policies;
use super::slots::Values;
use super::text::{Entry, Text, entries, indented};
use penstock_edge::http::{Method, RouteInfo};

/// The keys of a function. Its file may have sections of the template beside them.
pub const KEYS: [&str; 14] = [
    "Description",
    "MemorySize",
    "Timeout",
    "Concurrency",
    "Connections",
    "Environment",
    "Events",
    "Statements",
    "Throttle",
    "RouteThrottles",
    "FailedEvents",
    "EventAge",
    "EventRetries",
    "RecursiveLoop",
];

/// The entries of one function, by key.
#[derive(Debug, Clone, Default)]
pub struct Function(BTreeMap<String, Text>);

impl Function {
    /// Adds the entries of one file to those that are there already.
    ///
    /// # Errors
    ///
    /// A key that a function does not have, or a value that is given twice.
    pub fn add(&mut self, said: Vec<Entry>) -> Result<(), String> {
        for Entry { key, value } in said {
            if !KEYS.contains(&key.as_str()) {
                return Err(format!("a function has no {key}"));
            }
            let known = self.0.entry(key.clone()).or_default();
            if !known.inline.is_empty() || (!known.is_empty() && !value.inline.is_empty()) {
                return Err(format!("{key} is said twice"));
            }
            known.comments.extend(value.comments);
            known.inline = value.inline;
            known.below.extend(value.below);
        }
        Ok(())
    }

    fn said(&self, key: &str) -> Text {
        self.0.get(key).cloned().unwrap_or_default()
    }

    /// Returns the function's own variables.
    ///
    /// # Errors
    ///
    /// They are no mapping.
    pub fn variables(&self) -> Result<Vec<Entry>, String> {
        entries(&self.said("Environment").below)
    }

    /// Returns the database connections of one environment: 1 unless `Connections` sets more.
    pub fn connections(&self) -> i64 {
        self.said("Connections").word().parse().unwrap_or(1)
    }

    /// Returns the values for the pattern of a function. `guard` is that of [`policies`]; `others`
    /// are the routes of other functions.
    ///
    /// # Errors
    ///
    /// The environment refers to no resource; see [`policies`].
    pub fn values(
        &self,
        routes: &[RouteInfo],
        others: &[RouteInfo],
        guard: impl Fn(&str) -> Result<Option<String>, String>,
    ) -> Result<Values, String> {
        let passed = [
            "Description",
            "MemorySize",
            "Timeout",
            "Concurrency",
            "Environment",
            "FailedEvents",
            "EventAge",
            "EventRetries",
            "RecursiveLoop",
        ];
        let mut values: Values =
            passed.iter().map(|key| ((*key).to_owned(), self.said(key))).collect();
        let (environment, events) = (self.said("Environment"), self.said("Events"));
        let (own, failed) = (self.said("Statements"), self.said("FailedEvents"));
        let made = policies(&environment, &events, failed.word(), &own, guard)?;
        values.insert("Policies".to_owned(), made);
        let mut all =
            Text { comments: events.comments, ..Text::below(http_events(routes, others)) };
        all.below.extend(events.below);
        values.insert("Events".to_owned(), all);
        Ok(values)
    }

    /// Returns the gateway's settings for each of the function's paths: those of the path itself,
    /// or those of the function. A path has none if those of the whole API apply.
    ///
    /// # Errors
    ///
    /// `RouteThrottles` names a path that the function does not have.
    pub fn route_settings(&self, routes: &[RouteInfo]) -> Result<Vec<String>, String> {
        let (throttle, of_paths) = (self.said("Throttle"), self.said("RouteThrottles"));
        let of_paths = entries(&of_paths.below)?;
        let paths = paths(routes);
        if let Some(stray) = of_paths.iter().find(|it| !paths.contains(&it.key.as_str())) {
            return Err(format!("RouteThrottles: there is no path {}", stray.key));
        }
        let mut lines = throttle.comments;
        for path in paths {
            let own = of_paths.iter().find(|it| it.key == path).map(|it| &it.value);
            if let Some(own) = own {
                lines.extend(own.comments.iter().cloned());
            }
            let below = own.map_or(&throttle.below, |own| &own.below);
            if !below.is_empty() {
                lines.push(format!("ANY {path}:"));
                lines.extend(indented(below, 2));
            }
        }
        Ok(lines)
    }
}

/// Returns the paths of routes, each once, in their order.
pub fn paths(routes: &[RouteInfo]) -> Vec<&str> {
    let mut paths = Vec::new();
    for route in routes {
        if !paths.contains(&&*route.path) {
            paths.push(&route.path);
        }
    }
    paths
}

/// Returns the methods by which a path calls a function. Any method gets in: the function replies
/// 405 in the contract's form.
///
/// A path of two functions belongs to the one that writes, and the other one only has its reads:
/// the gateway prefers a method to any.
fn methods(path: &str, routes: &[RouteInfo], others: &[RouteInfo]) -> &'static [&'static str] {
    let of = |all: &[RouteInfo], writes: bool| {
        all.iter().any(|route| route.path == path && (!writes || route.method != Method::GET))
    };
    if of(others, false) && !of(routes, true) { &["GET", "HEAD"] } else { &["ANY"] }
}

/// Returns an event for each path and method.
fn http_events(routes: &[RouteInfo], others: &[RouteInfo]) -> Vec<String> {
    let mut lines = Vec::new();
    for path in paths(routes) {
        let quoted = if path.contains('{') { format!("\"{path}\"") } else { path.to_owned() };
        for method in methods(path, routes, others) {
            let name =
                if *method == "ANY" { String::new() } else { pascal(&method.to_lowercase()) };
            lines.extend([
                format!("{}{name}:", pascal(path)),
                "  Type: HttpApi".to_owned(),
                format!("  Properties: {{ApiId: !Ref HttpApi, Method: {method}, Path: {quoted}}}"),
            ]);
        }
    }
    lines
}
