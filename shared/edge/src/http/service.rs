//! The shell around every function that answers HTTP: one table of routes, one loop.

use std::borrow::Cow;
use std::fmt;
use std::pin::Pin;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;
use penstock_domain::access::{KeyHeader, Need};
use penstock_domain::clock::elapsed;
use penstock_domain::trace::{AMAZON_TRACE, TRACEPARENT, Trace};
use penstock_telemetry::emf::MetricLine;
use penstock_telemetry::metric::Metric;
use penstock_telemetry::span::{Ended, Kind};
use penstock_telemetry::whole_ms;
use penstock_telemetry::work::Work;

use super::call::Call;
use super::document::Document;
use super::failure::Failure;
use super::idempotency;
use super::problem::Problem;
use super::query::Query;
use super::reply::{self, Reply};
use super::request::Request;
use super::request_id::RequestId;
use super::route_info::{PathParts, RouteInfo, parts};

/// A function that answers HTTP. It says which routes it has and who may call them;
/// [`handle`](Service::handle) does the rest.
pub trait Service: Sync + Sized + 'static {
    /// The caller, as handlers know it.
    type Caller: Send;

    /// The name of the function, for its log and its metrics.
    const NAME: &'static str;

    /// Every route of the function.
    const ROUTES: &'static [Route<Self>];

    /// Methods of this function's paths that another function answers, for the header `Allow`. The
    /// gateway hands such a request to that function.
    const ELSEWHERE: &'static [(&'static str, Method)] = &[];

    /// The time.
    fn now(&self) -> Timestamp;

    /// Decides who calls, and whether the route is open to them. Keys are decided about by
    /// [`Call::authorize`] alone.
    ///
    /// # Errors
    /// 401 or 429 if the caller may not, 503 if that cannot be decided.
    fn authorize(
        &self,
        call: &Call<'_>,
    ) -> impl Future<Output = Result<Self::Caller, Failure>> + Send;

    /// Writes the reply to a request that failed, and to one that no route takes: a problem. A
    /// function that answers people writes a page instead.
    fn refuse(&self, failure: &Failure, _: &Request, id: &RequestId) -> Reply {
        Reply::problem(failure.problem(), id)
    }

    /// Answers one request; `invocation` is Lambda's id of it. A failure is a reply too. One line
    /// of the log tells of the request, by its route's path and not by its own: a user's id may be
    /// an e-mail address. All lines have the trace that the caller has told.
    fn handle(&self, request: &Request, invocation: &str) -> impl Future<Output = Reply> + Send {
        let id = RequestId::of(request, invocation);
        let trace = trace_of(request, &format!("{}/{invocation}", Self::NAME));
        let work = Work { function: Self::NAME, request_id: id.as_str().to_owned(), trace };
        Box::pin(work.run(async move {
            let began = self.now();
            let found = find(Self::ROUTES, &request.path);
            let route = found.as_ref().map(|(route, _)| route.info.path.as_ref());
            let outcome = match found {
                Some((route, path)) => dispatch(self, route, path, request, &id).await,
                None => Err(Problem::not_found("There is no such route.").into()),
            };
            let (reply, failure) = match outcome {
                Ok(reply) => (reply, None),
                Err(failure) => (self.refuse(&failure, request, &id), Some(failure)),
            };
            let (now, status) = (self.now(), reply.status_code);
            let took = elapsed(began, now);
            log(request, &id, (route, status), failure.as_ref(), took);
            if let Some(work) = Work::current() {
                let (kind, failed) = (Kind::Server, status >= 500);
                work.ended(Ended { kind, name: "answered", at: now, took, failed });
            }
            MetricLine::of_function(Self::NAME, now)
                .with(Metric::Requests, 1)
                .with_some(Metric::ServerErrors, usize::from(status >= 500))
                .write();
            let reply = reply.with_id(&id);
            if request.method == Method::HEAD { reply.without_body() } else { reply }
        }))
    }
}

/// One line of a function's route table: an [`RouteInfo`] and what answers it.
pub struct Route<S: Service> {
    info: RouteInfo,
    answer: &'static dyn Answer<S>,
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
        let path = Cow::Borrowed(path);
        let info = RouteInfo { name, method, path, need, reads_query: false };
        Self { info, answer }
    }

    /// Leaves the query to the handler, which takes its parameters and calls
    /// [`Query::finish`](super::Query::finish).
    #[must_use]
    pub const fn with_query(mut self) -> Self {
        self.info.reads_query = true;
        self
    }
}

impl<S: Service> fmt::Debug for Route<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.info.fmt(f)
    }
}

/// A reply on its way.
pub type Answering<'a> = Pin<Box<dyn Future<Output = Result<Reply, Failure>> + Send + 'a>>;

/// Answers the calls of one route. An `async fn(&Service, Call<Caller>) -> Result<Reply, Failure>`
/// does, and is only called once its caller is authorized. So does a [`Document`].
///
/// A function implements it by hand where the look-up of the key and the question to Postgres share
/// a round trip; then it authorizes the caller itself.
pub trait Answer<S: Service>: Sync {
    /// Authorizes the caller and answers.
    fn answer<'a>(&'a self, service: &'a S, call: Call<'a>) -> Answering<'a>;
}

/// An `async fn` of these arguments. A trait of its own, because a bound on the future that it
/// returns has no other name in stable Rust.
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
            let call = authorized(service, call).await?;
            self(service, call).await
        })
    }
}

impl<S: Service> Answer<S> for Document {
    fn answer<'a>(&'a self, service: &'a S, call: Call<'a>) -> Answering<'a> {
        Box::pin(async move {
            let call = authorized(service, call).await?;
            Ok(self.reply(&call.request.headers))
        })
    }
}

/// Authorizes the caller, then refuses a query that the handler would not read.
async fn authorized<'a, S: Service>(
    service: &S,
    mut call: Call<'a>,
) -> Result<Call<'a, S::Caller>, Failure> {
    let caller = service.authorize(&call).await?;
    if !call.route.reads_query {
        std::mem::take(&mut call.query).finish()?;
    }
    Ok(call.with(caller))
}

/// The headers that a page of another origin may send: all that a function reads.
pub const CORS_REQUEST_HEADERS: [&str; 7] = [
    "content-type",
    idempotency::HEADER,
    "if-match",
    TRACEPARENT,
    KeyHeader::AdminApiKey.name(),
    KeyHeader::ApiKey.name(),
    RequestId::HEADER,
];

/// The headers of a reply that a page of another origin may read.
pub const CORS_REPLY_HEADERS: [&str; 5] =
    ["etag", reply::REPLAYED, "retry-after", "x-next-cursor", RequestId::HEADER];

/// The routes of a function, for the documents and the templates that must agree with them.
pub fn routes<S: Service>() -> impl Iterator<Item = RouteInfo> {
    S::ROUTES.iter().map(|route| route.info.clone())
}

/// The route that a path fits, literal segments before parameters.
fn find<'p, S: Service>(
    routes: &'static [Route<S>],
    path: &'p str,
) -> Option<(&'static Route<S>, PathParts<'p>)> {
    let fitting =
        routes.iter().filter_map(|route| parts(&route.info.path, path).map(|found| (route, found)));
    fitting.min_by_key(|(_, found)| found.len())
}

/// Calls the route of the request's method, which may be another one of the same path. HEAD is
/// answered as GET is; [`Service::handle`] leaves the body out. Uptime monitors send it.
async fn dispatch<S: Service>(
    service: &S,
    route: &'static Route<S>,
    path: PathParts<'_>,
    request: &Request,
    id: &RequestId,
) -> Result<Reply, Failure> {
    let same_path = S::ROUTES.iter().filter(|other| other.info.path == route.info.path);
    let method = if request.method == Method::HEAD { &Method::GET } else { &request.method };
    let Some(route) = same_path.clone().find(|route| route.info.method == *method) else {
        let others = S::ELSEWHERE.iter().filter(|(path, _)| *path == route.info.path);
        let others = others.map(|(_, method)| method.as_str());
        let own = same_path.map(|route| route.info.method.as_str());
        let mut methods: Vec<&str> = own.chain(others).collect();
        if methods.contains(&"GET") {
            methods.push("HEAD");
        }
        return Err(Problem::method_not_allowed(methods.join(", ")).into());
    };
    let call = Call {
        request,
        id,
        now: service.now(),
        route: &route.info,
        query: Query::parse(&request.raw_query),
        caller: (),
        path,
    };
    route.answer.answer(service, call).await
}

/// Returns the trace of a request: the one that its caller tells, else that of the gateway, else
/// one that begins here. A header that is not as it must be counts as none.
fn trace_of(request: &Request, unit: &str) -> Trace {
    let header = |name| request.headers.get(name).and_then(|value| value.to_str().ok());
    let told = header(TRACEPARENT).and_then(|text| Trace::continued(text, unit));
    let told = told.or_else(|| Trace::of_amazon(header(AMAZON_TRACE)?, unit));
    told.unwrap_or_else(|| Trace::begun(unit))
}

fn log(
    request: &Request,
    id: &RequestId,
    (route, status): (Option<&str>, u16),
    failure: Option<&Failure>,
    took: Duration,
) {
    let (request_id, method, bytes) = (id.as_str(), request.method.as_str(), request.size());
    let outcome = match status {
        500.. => "failed",
        400.. => "refused",
        _ => "done",
    };
    let reason = failure.map(|failure| failure.problem().slug);
    let error = failure.and_then(Failure::chain);
    let ms = whole_ms(took);
    // The level of a line is part of the code.
    macro_rules! answered {
        ($level:ident) => {
            tracing::$level!(
                event = "answered",
                request_id,
                method,
                route,
                status,
                outcome,
                bytes,
                ms,
                reason,
                error
            )
        };
    }
    if status >= 500 { answered!(error) } else { answered!(info) }
}
