//! A route as the world outside sees it, and how a path finds it.

use std::borrow::Cow;

use http::Method;
use penstock_domain::access::Need;

/// A route without its handler: all that the contract, the template and the local gateways need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RouteInfo {
    /// Its name, unique over all functions: `operationId` in the contract.
    pub name: &'static str,
    /// The method that it takes.
    pub method: Method,
    /// The path, with parameters in braces: `/runs/{runId}`.
    pub path: Cow<'static, str>,
    /// Its demand on the caller.
    pub need: Need,
    /// Whether its handler reads the query. If not, the shell refuses any parameter.
    pub reads_query: bool,
}

/// The parameters of a path: the name in the pattern, and the part of the path in its place.
pub(super) type PathParts<'a> = Vec<(&'static str, &'a str)>;

/// Compares a path with a pattern; `None` if it does not fit.
///
/// A parameter takes one segment. One with a literal after it takes more if it must: an HTTP API
/// decodes slashes, and `/users/a/b/journey` is still about the journey of one user.
pub(super) fn parts<'p>(pattern: &'static str, path: &'p str) -> Option<PathParts<'p>> {
    let (part, rest) = match pattern.split_once('/') {
        Some((part, rest)) => (part, Some(rest)),
        None => (pattern, None),
    };
    let Some(name) = part.strip_prefix('{').and_then(|part| part.strip_suffix('}')) else {
        let path = path.strip_prefix(part)?;
        return match (rest, path.strip_prefix('/')) {
            (Some(rest), Some(path)) => parts(rest, path),
            (None, None) if path.is_empty() => Some(Vec::new()),
            _ => None,
        };
    };
    let Some(rest) = rest else {
        return (!path.is_empty() && !path.contains('/')).then(|| vec![(name, path)]);
    };
    let spans = if rest.starts_with('{') { 1 } else { usize::MAX };
    let ends = path.match_indices('/').map(|(end, _)| end).take(spans).filter(|end| *end > 0);
    ends.into_iter().find_map(|end| {
        let mut found = parts(rest, &path[end + 1..])?;
        found.push((name, &path[..end]));
        Some(found)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_fits_a_pattern_by_its_segments() {
        for (pattern, path, found) in [
            ("/runs", "/runs", Some(&[][..])),
            ("/runs", "/runs/", None),
            ("/runs", "/run", None),
            ("/runs", "/runs2", None),
            ("/runs/{runId}", "/runs/7", Some(&[("runId", "7")])),
            ("/runs/{runId}", "/runs/", None),
            ("/runs/{runId}", "/runs", None),
            ("/runs/{runId}", "/runs/a/b", None),
            ("/users/{userId}/journey", "/users/a/journey", Some(&[("userId", "a")])),
            ("/users/{userId}/journey", "/users/a/b/journey", Some(&[("userId", "a/b")])),
            ("/users/{userId}/journey", "/users/journey/journey", Some(&[("userId", "journey")])),
            ("/users/{userId}/journey", "/users//journey", None),
            ("/users/{userId}/journey", "/users/journey", None),
            ("/users/{userId}/journey", "/users/a/journey/", None),
            ("/trigger/{source}/{mode}", "/trigger/a/b", Some(&[("source", "a"), ("mode", "b")])),
            ("/trigger/{source}/{mode}", "/trigger/a/b/c", None),
            ("/trigger/{source}/{mode}", "/trigger//b", None),
            ("/trigger/{source}/{mode}", "/trigger/a/", None),
        ] {
            let parts = parts(pattern, path).map(|mut parts| {
                parts.reverse();
                parts
            });
            assert_eq!(parts.as_deref(), found, "{pattern} {path}");
        }
    }
}
