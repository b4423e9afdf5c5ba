//! The HTTP side: tokens, routing, faults, headers.

use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

use axum::body::Body;
use axum::http::{HeaderMap, Request as HttpRequest, Response, header};
use jiff::Timestamp;
use serde_json::json;

use super::channels::Channels;
use super::list::Lists;
use super::log::{Log, Request};
use super::refusal::Refusal;
use super::state::Calendar;
use super::token::Tokens;
use crate::loopback::{half, lock};
use crate::simulators::faults::{Fault, Faults, RetryAfter};

/// A callback that gets the path of each request, and may change the calendar before the reply.
pub(super) type Watcher = Box<dyn FnMut(&str, &mut Calendar) + Send>;

/// The state that the server and the test share.
pub(super) struct Shared {
    pub(super) service: Mutex<Service>,
    pub(super) faults: Mutex<Faults>,
    pub(super) log: Mutex<Log>,
    pub(super) watcher: Mutex<Option<Watcher>>,
}

/// The calendar, and Google's state about its readers.
pub(super) struct Service {
    pub(super) calendar_id: String,
    pub(super) calendar: Calendar,
    pub(super) lists: Lists,
    pub(super) tokens: Tokens,
    pub(super) channels: Channels,
    pub(super) daily_limit: bool,
    /// Whether last pages come without their sync token.
    pub(super) no_sync_token: bool,
    /// The parts that are left out of error bodies.
    pub(super) errors: ErrorBodies,
    pub(super) url: String,
    pub(super) clock: Box<dyn Fn() -> Timestamp + Send>,
}

/// The bodies of error replies.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum ErrorBodies {
    /// As the guide shows them.
    #[default]
    Whole,
    /// Without the array `errors`.
    WithoutReasons,
    /// Nothing at all.
    Empty,
}

impl ErrorBodies {
    fn of(self, refusal: Refusal) -> Reply {
        let mut reply = Reply::from(refusal.clone());
        match self {
            Self::Whole => {}
            Self::WithoutReasons => {
                let mut body = refusal.body;
                if let Some(error) = body["error"].as_object_mut() {
                    error.remove("errors");
                }
                reply.body = body.to_string().into_bytes();
            }
            Self::Empty => reply.body.clear(),
        }
        reply
    }
}

impl Service {
    pub(super) fn now(&mut self) -> Timestamp {
        let now = (self.clock)();
        self.calendar.set_now(now);
        self.channels.expire(now);
        now
    }
}

/// A reply before its headers are added.
struct Reply {
    status: u16,
    content_type: &'static str,
    retry_after: Option<u32>,
    body: Vec<u8>,
    cut: bool,
}

impl Reply {
    fn json(status: u16, body: &serde_json::Value) -> Self {
        let body = format!("{body:#}\n").into_bytes();
        Self {
            status,
            content_type: "application/json; charset=UTF-8",
            retry_after: None,
            body,
            cut: false,
        }
    }

    fn html(status: u16) -> Self {
        let body =
            b"<!DOCTYPE html>\n<html lang=en><title>Error (Server Error)!!1</title>\n".to_vec();
        Self { content_type: "text/html; charset=UTF-8", body, ..Self::json(status, &json!(null)) }
    }
}

impl From<Refusal> for Reply {
    fn from(refusal: Refusal) -> Self {
        Self::json(refusal.status, &refusal.body)
    }
}

/// Answers one HTTP request.
pub(super) async fn answer(shared: Arc<Shared>, request: HttpRequest<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let query: Vec<(String, String)> =
        form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    let fault = lock(&shared.faults).strike(&path);
    if path == "/token" {
        let mut service = lock(&shared.service);
        let now = service.now();
        return respond(exchange(&mut service, &body, fault, now), now);
    }
    let (number, hooks) = lock(&shared.log).add(|_| Request {
        path: path.clone(),
        query: query.clone(),
        status: 0,
        fault,
    });
    for hook in hooks {
        hook();
    }
    if let Some(watcher) = lock(&shared.watcher).as_mut() {
        let mut service = lock(&shared.service);
        service.now();
        watcher(&path, &mut service.calendar);
    }
    if fault == Some(Fault::Hang) {
        return std::future::pending().await;
    }
    let mut service = lock(&shared.service);
    let now = service.now();
    let reply = strike(&mut service, fault, |service, empty_page| {
        let errors = service.errors;
        serve(service, &path, &query, &parts.headers, &body, empty_page, now)
            .unwrap_or_else(|refusal| errors.of(refusal))
    });
    drop(service);
    lock(&shared.log).amend(number, |request| request.status = reply.status);
    respond(reply, now)
}

fn exchange(service: &mut Service, body: &[u8], fault: Option<Fault>, now: Timestamp) -> Reply {
    match fault {
        Some(Fault::Html) => Reply::html(200),
        Some(_) => Refusal::backend(503).into(),
        None => {
            let audience = format!("{}/token", service.url);
            let (status, body) = service.tokens.exchange(body, &audience, now);
            Reply::json(status, &body)
        }
    }
}

fn serve(
    service: &mut Service,
    path: &str,
    query: &[(String, String)],
    headers: &HeaderMap,
    body: &[u8],
    empty_page: bool,
    now: Timestamp,
) -> Result<Reply, Refusal> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if !service.tokens.accepts(token, now) {
        return Err(Refusal::invalid_credentials());
    }
    if service.daily_limit {
        return Err(Refusal::daily());
    }
    let calendar = service.calendar_id.replace('#', "%23");
    let Some(rest) = path.strip_prefix("/calendar/v3") else { return Err(Refusal::not_found()) };
    if rest == "/channels/stop" {
        return service
            .channels
            .stop(body)
            .map(|()| Reply { body: Vec::new(), ..Reply::json(204, &json!(null)) });
    }
    let rest = rest
        .strip_prefix(&format!("/calendars/{calendar}/events"))
        .ok_or_else(Refusal::not_found)?;
    match rest {
        "" => service.lists.answer(&service.calendar, query, empty_page).map(|mut body| {
            if let (true, Some(page)) = (service.no_sync_token, body.as_object_mut()) {
                page.remove("nextSyncToken");
            }
            Reply::json(200, &body)
        }),
        "/watch" => service.channels.watch(body, now).map(|body| Reply::json(200, &body)),
        id => {
            let event = id.strip_prefix('/').and_then(|id| service.calendar.render(id));
            event.map(|body| Reply::json(200, &body)).ok_or_else(Refusal::not_found)
        }
    }
}

/// Applies a fault to a reply. Google sends no `Retry-After` with its rate limits, and gives some
/// of them the status 403.
fn strike(
    service: &mut Service,
    fault: Option<Fault>,
    serve: impl FnOnce(&mut Service, bool) -> Reply,
) -> Reply {
    match fault {
        None | Some(Fault::Hang) => serve(service, false),
        Some(Fault::EmptyPage) => serve(service, true),
        Some(Fault::TooMany(RetryAfter::Absent)) => Refusal::user_rate().into(),
        Some(Fault::TooMany(RetryAfter::Date(_))) => Refusal::rate(403).into(),
        Some(Fault::TooMany(RetryAfter::Seconds(s))) => {
            Reply { retry_after: Some(s), ..Refusal::rate(429).into() }
        }
        Some(Fault::ServerError) => Refusal::backend(500).into(),
        Some(Fault::BadGateway) => Reply::html(502),
        Some(Fault::Unavailable(_)) => Refusal::backend(503).into(),
        Some(Fault::Html) => Reply::html(200),
        Some(Fault::ErrorInside) => Reply { status: 200, ..Refusal::backend(500).into() },
        Some(Fault::Unauthorized) => Refusal::invalid_credentials().into(),
        Some(Fault::Forbidden) => Refusal::forbidden().into(),
        Some(Fault::NotFound) => Refusal::not_found().into(),
        Some(Fault::BadRequest) => Refusal::bad("syncToken", "Bad Request").into(),
        Some(Fault::Proxy) => Reply::html(403),
        Some(Fault::CutBody) => Reply { cut: true, ..serve(service, false) },
        Some(Fault::TruncatedJson) => {
            let mut reply = serve(service, false);
            reply.body.truncate(reply.body.len() / 2);
            reply
        }
    }
}

fn respond(reply: Reply, now: Timestamp) -> Response<Body> {
    let date = UNIX_EPOCH + std::time::Duration::from_secs(now.as_second().unsigned_abs());
    let mut response = Response::builder()
        .status(reply.status)
        .header(header::DATE, httpdate::fmt_http_date(date))
        .header(header::CONTENT_TYPE, reply.content_type);
    if let Some(seconds) = reply.retry_after {
        response = response.header(header::RETRY_AFTER, seconds);
    }
    let body = if reply.cut {
        response = response.header(header::CONTENT_LENGTH, reply.body.len());
        half(reply.body)
    } else {
        Body::from(reply.body)
    };
    response.body(body).expect("a response")
}
