//! One line of a function's route table, and how a path finds it.

use std::fmt;
use std::pin::Pin;

use http::Method;
use penstock_domain::access::Need;

use super::call::Call;
use super::document::Document;
use super::failure::Failure;
use super::reply::Reply;
use super::service::Service;

/// A route without its handler: all that the contract, the template and the local gateways need.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// Its name, unique over all functions: `operationId` in the contract.
    pub name: &'static str,
    /// The method that it takes.
    pub method: Method,
    /// The path, with parameters in braces: `/runs/{runId}`.
    pub path: &'static str,
    /// What it asks of its caller.
    pub need: Need,
    /// Whether its handler reads the query. If not, the shell refuses any parameter.
    pub reads_query: bool,
}

/// One line of a function's route table: an [`Endpoint`] and what answers it.
pub struct Route<S: Service> {
    pub(super) endpoint: Endpoint,
    pub(super) answer: &'static dyn Answer<S>,
}

impl<S: Service> Route<S> {
    /// A route that takes GET.
    #[must_use]
    pub const fn get(
        name: &'static str,
        path: &'static str,
        need: Need,
        answer: &'static dyn Answer<S>,
    ) -> Self {
        Self::new(name, Method::GET, path, need, answer)
    }

    /// A route that takes POST.
    #[must_use]
    pub const fn post(
        name: &'static str,
        path: &'static str,
        need: Need,
        answer: &'static dyn Answer<S>,
    ) -> Self {
        Self::new(name, Method::POST, path, need, answer)
    }

    /// A route that takes any one method.
    #[must_use]
    pub const fn new(
        name: &'static str,
        method: Method,
        path: &'static str,
        need: Need,
        answer: &'static dyn Answer<S>,
    ) -> Self {
        let endpoint = Endpoint { name, method, path, need, reads_query: false };
        Self { endpoint, answer }
    }

    /// Leaves the query to the handler, which takes its parameters and calls
    /// [`Query::finish`](super::Query::finish).
    #[must_use]
    pub const fn with_query(mut self) -> Self {
        self.endpoint.reads_query = true;
        self
    }
}

impl<S: Service> fmt::Debug for Route<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.endpoint.fmt(f)
    }
}

/// A reply on its way.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send + 'a>>;

/// Answers the calls of one route. An `async fn(&Service, Call<Caller>) -> Result<Reply, Failure>` does,
/// and is only called once its caller is authorized. So does a [`Document`].
///
/// A function implements it by hand where the look-up of the key and the question to Postgres share
/// a round trip; then it authorizes the caller itself.
pub trait Answer<S: Service>: Sync {
    /// Authorizes the caller and answers.
    fn answer<'a>(&'a self, service: &'a S, call: Call<'a>) -> Answering<'a>;
}

/// An `async fn` of these arguments. A trait of its own, because a bound on the future that it returns
/// has no other name in stable Rust.
pub trait AnswerFn<'a, S: Service>: Fn(&'a S, Call<'a, S::Caller>) -> Self::Answering {
    /// The future that it returns.
    type Answering: Future<Output = Result<Reply, Failure>> + Send + 'a;
}

impl<'a, S, F, A> AnswerFn<'a, S> for F
where
    S: Service,
    F: Fn(&'a S, Call<'a, S::Caller>) -> A,
    A: Future<Output = Result<Reply, Failure>> + Send + 'a,
{
    type Answering = A;
}

impl<S, F> Answer<S> for F
where
    S: Service,
    F: for<'a> AnswerFn<'a, S> + Sync,
{
    fn answer<'a>(&'a self, service: &'a S, call: Call<'a>) -> Answering<'a> {
        Box::pin(async move {
            let call = call.authorized(service).await?;
            self(service, call).await
        })
    }
}

impl<S: Service> Answer<S> for Document {
    fn answer<'a>(&'a self, service: &'a S, call: Call<'a>) -> Answering<'a> {
        Box::pin(async move {
            let call = call.authorized(service).await?;
            Ok(self.reply(&call.request.headers))
        })
    }
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
