//! A function, as described by its own file and by the sources that it serves.

use std::collections::BTreeMap;

use super::part::pascal;
use super::policy::policies;
use super::slots::Values;
use super::text::{Entry, Text, indented};
use penstock_edge::http::RouteInfo;

/// The keys of a function. Its file may have sections of the template beside them.
pub const KEYS: [&str; 9] = [
    "Description",
    "MemorySize",
    "Timeout",
    "Concurrency",
    "Connections",
    "Environment",
    "Events",
    "Statements",
    "Throttle",
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

    /// Returns the database connections of one environment: 1 unless `Connections` sets more.
    pub fn connections(&self) -> i64 {
        self.said("Connections").word().parse().unwrap_or(1)
    }

    /// Returns the values for the pattern of a function. `guard` is that of [`policies`].
    ///
    /// # Errors
    ///
    /// The environment refers to no resource; see [`policies`].
    pub fn values(
        &self,
        routes: &[RouteInfo],
        guard: impl Fn(&str) -> Result<Option<String>, String>,
    ) -> Result<Values, String> {
        let passed = ["Description", "MemorySize", "Timeout", "Concurrency", "Environment"];
        let mut values: Values =
            passed.iter().map(|key| ((*key).to_owned(), self.said(key))).collect();
        let (environment, events) = (self.said("Environment"), self.said("Events"));
        let own = self.said("Statements");
        values.insert("Policies".to_owned(), policies(&environment, &events, &own, guard)?);
        let mut all = Text { comments: events.comments, ..Text::below(http_events(routes)) };
        all.below.extend(events.below);
        values.insert("Events".to_owned(), all);
        Ok(values)
    }

    /// Returns the gateway's settings for each of the function's paths; empty if those of the whole
    /// API apply.
    pub fn route_settings(&self, routes: &[RouteInfo]) -> Vec<String> {
        let throttle = self.said("Throttle");
        if throttle.is_empty() {
            return Vec::new();
        }
        let mut lines = throttle.comments;
        for path in paths(routes) {
            lines.push(format!("ANY {path}:"));
            lines.extend(indented(&throttle.below, 2));
        }
        lines
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

/// Returns an event for each path. Any method gets in: the function replies 405 in the contract's
/// form.
fn http_events(routes: &[RouteInfo]) -> Vec<String> {
    let mut lines = Vec::new();
    for path in paths(routes) {
        let quoted = if path.contains('{') { format!("\"{path}\"") } else { path.to_owned() };
        lines.extend([
            format!("{}:", pascal(path)),
            "  Type: HttpApi".to_owned(),
            format!("  Properties: {{ApiId: !Ref HttpApi, Method: ANY, Path: {quoted}}}"),
        ]);
    }
    lines
}
