//! Finds the function of a request by the route keys of the template, such as `ANY /runs/{runId}`.

use std::collections::{BTreeMap, BTreeSet};

use percent_encoding::percent_decode_str;

use crate::template::{Template, short_name};

/// The routes in the order in which they are tried.
#[derive(Debug)]
pub(super) struct Routes(Vec<Route>);

/// A route key and its function.
#[derive(Debug)]
pub(super) struct Route {
    method: String,
    path: String,
    pub(super) function: String,
}

/// A route that fits a request, with the decoded parameters of the path.
#[derive(Debug)]
pub(super) struct Match<'a> {
    pub(super) route: &'a Route,
    pub(super) parameters: BTreeMap<String, String>,
}

/// Returns the names of the functions that have routes in infra/template.yaml.
#[must_use]
pub fn functions_with_routes() -> BTreeSet<String> {
    Routes::of(&Template::read()).0.into_iter().map(|route| route.function).collect()
}

impl Routes {
    /// Reads every `HttpApi` event of the template's functions.
    pub(super) fn of(template: &Template) -> Self {
        let mut routes = Vec::new();
        for (_, function) in template.functions() {
            let events = function["Events"].as_object().into_iter().flatten();
            for (_, event) in events.filter(|(_, event)| event["Type"] == "HttpApi") {
                let text = |name: &str| event["Properties"][name].as_str().unwrap_or_default();
                routes.push(Route::new(text("Method"), text("Path"), short_name(function)));
            }
        }
        Self::in_order(routes)
    }

    /// Sorts the routes: `/runs/latest` is tried before `/runs/{runId}`, and a method before any,
    /// as on AWS.
    fn in_order(mut routes: Vec<Route>) -> Self {
        routes.sort_by_key(|route| (route.path.matches('{').count(), route.method == "ANY"));
        Self(routes)
    }

    /// Returns the route of a request. `path` is percent-encoded, as it was sent.
    pub(super) fn find(&self, method: &str, path: &str) -> Option<Match<'_>> {
        self.0.iter().find_map(|route| {
            let parameters = route.parameters(method, path)?;
            Some(Match { route, parameters })
        })
    }
}

impl Route {
    fn new(method: &str, path: &str, function: &str) -> Self {
        let method = method.to_ascii_uppercase();
        Self { method, path: path.to_owned(), function: function.to_owned() }
    }

    /// Returns the route key in the form that events have.
    pub(super) fn key(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// Returns the parameters of a path that fits: `{name}` takes one segment, `{name+}` all that
    /// follow.
    fn parameters(&self, method: &str, path: &str) -> Option<BTreeMap<String, String>> {
        if self.method != "ANY" && self.method != method {
            return None;
        }
        let (mut found, mut rest) = (BTreeMap::new(), Some(path));
        for part in self.path.split('/') {
            let left = rest?;
            let parameter = part.strip_prefix('{').and_then(|part| part.strip_suffix('}'));
            let (segment, after) = match parameter {
                Some(name) if name.ends_with('+') => (left, None),
                _ => left.split_once('/').map_or((left, None), |(one, more)| (one, Some(more))),
            };
            match parameter {
                Some(name) if !segment.is_empty() => {
                    let value = percent_decode_str(segment).decode_utf8_lossy().into_owned();
                    found.insert(name.trim_end_matches('+').to_owned(), value);
                }
                None if part == segment => {}
                _ => return None,
            }
            rest = after;
        }
        rest.is_none().then_some(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn routes() -> Routes {
        Routes::in_order(vec![
            Route::new("any", "/runs/{runId}", "one"),
            Route::new("GET", "/runs/latest", "latest"),
            Route::new("ANY", "/files/{path+}", "files"),
            Route::new("ANY", "/users/{userId}/journey", "journey"),
            Route::new("ANY", "/leads", "taken"),
            Route::new("GET", "/leads", "read"),
        ])
    }

    fn found(method: &str, path: &str) -> Option<(String, String)> {
        let routes = routes();
        let found = routes.find(method, path)?;
        Some((found.route.key(), found.parameters.into_values().collect()))
    }

    #[test]
    fn fixed_parts_are_tried_before_parameters_and_parameters_are_decoded_once() {
        let expected = |key: &str, value: &str| Some((key.to_owned(), value.to_owned()));
        assert_eq!(found("GET", "/runs/latest"), expected("GET /runs/latest", ""));
        assert_eq!(found("PUT", "/runs/latest"), expected("ANY /runs/{runId}", "latest"));
        assert_eq!(found("GET", "/runs/a%2Fb%2525"), expected("ANY /runs/{runId}", "a/b%25"));
        assert_eq!(found("GET", "/runs/%ff"), expected("ANY /runs/{runId}", "\u{fffd}"));
        assert_eq!(found("GET", "/files/a/b"), expected("ANY /files/{path+}", "a/b"));
        assert_eq!(found("GET", "/users/u/journey"), expected("ANY /users/{userId}/journey", "u"));
        assert_eq!(found("GET", "/leads"), expected("GET /leads", ""));
        assert_eq!(found("POST", "/leads"), expected("ANY /leads", ""));
    }

    #[test]
    fn a_path_fits_as_a_whole_or_not_at_all() {
        for path in ["/", "/runs", "/runs/", "/runs/1/", "/runs/1/2", "/users//journey", "/files/"]
        {
            assert_eq!(found("GET", path), None, "{path}");
        }
    }

    #[test]
    fn the_template_has_routes_and_each_names_its_function() {
        let routes = Routes::of(&Template::read());
        assert!(routes.0.len() > 10, "{routes:?}");
        let found = routes.find("GET", "/healthz").map(|found| found.route.function.as_str());
        assert_eq!(found, Some("metrics"));
    }
}
