//! The HTTP side: tokens, routing, faults, headers.

use std::sync::{Arc, Mutex};
use std::time::UNIX_EPOCH;

use axum::body::Body;
use axum::http::{HeaderMap, Request as HttpRequest, Response, header};
use jiff::Timestamp;
use serde_json::json;

use super::host::{Asked, CALENDAR_ID, State};
use super::refusal::Refusal;
use crate::loopback::{half, lock};
use crate::simulators::stripe::{Fault, RetryAfter};

/// A reply before its headers.
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

/// Answers one request.
pub(super) async fn answer(state: Arc<Mutex<State>>, request: HttpRequest<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 1 << 20).await.unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let query: Vec<(String, String)> =
        form_urlencoded::parse(parts.uri.query().unwrap_or_default().as_bytes())
            .into_owned()
            .collect();
    if path == "/token" {
        return respond(exchange(&state, &body), lock(&state).now());
    }
    let (number, hooks, fault) = {
        let mut state = lock(&state);
        let fault = state.faults.strike(&path);
        state.asked.push(Asked { path: path.clone(), query: query.clone(), status: 0, fault });
        let number = state.asked.len();
        let (due, rest) =
            std::mem::take(&mut state.hooks).into_iter().partition(|(at, _)| *at == number);
        state.hooks = rest;
        (number, due, fault)
    };
    for (_, hook) in hooks {
        hook();
    }
    watch(&mut lock(&state), &path);
    if fault == Some(Fault::Hang) {
        return std::future::pending().await;
    }
    let mut state = lock(&state);
    let now = state.now();
    let reply = strike(&mut state, fault, |state, empty_page| {
        serve(state, &path, &query, &parts.headers, &body, empty_page, now)
            .unwrap_or_else(Reply::from)
    });
    if let Some(asked) = state.asked.get_mut(number - 1) {
        asked.status = reply.status;
    }
    drop(state);
    respond(reply, now)
}

fn watch(state: &mut State, path: &str) {
    state.now();
    if let Some(mut watcher) = state.watcher.take() {
        watcher(path, &mut state.calendar);
        state.watcher = Some(watcher);
    }
}

fn exchange(state: &Mutex<State>, body: &[u8]) -> Reply {
    let mut state = lock(state);
    let now = state.now();
    if let Some(fault) = state.faults.strike("/token") {
        return if fault == Fault::Html { Reply::html(200) } else { Refusal::backend(503).into() };
    }
    let audience = format!("{}/token", state.url);
    let (status, body) = state.tokens.exchange(body, &audience, now);
    Reply::json(status, &body)
}

fn serve(
    state: &mut State,
    path: &str,
    query: &[(String, String)],
    headers: &HeaderMap,
    body: &[u8],
    empty_page: bool,
    now: Timestamp,
) -> Result<Reply, Refusal> {
    let token = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if !state.tokens.accepts(token, now) {
        return Err(Refusal::invalid_credentials());
    }
    if state.daily_limit {
        return Err(Refusal::daily());
    }
    let calendar = CALENDAR_ID.replace('#', "%23");
    let Some(rest) = path.strip_prefix("/calendar/v3") else { return Err(Refusal::not_found()) };
    if rest == "/channels/stop" {
        return state
            .channels
            .stop(body)
            .map(|()| Reply { body: Vec::new(), ..Reply::json(204, &json!(null)) });
    }
    let rest = rest
        .strip_prefix(&format!("/calendars/{calendar}/events"))
        .ok_or_else(Refusal::not_found)?;
    match rest {
        "" => state
            .lists
            .answer(&state.calendar, query, empty_page)
            .map(|body| Reply::json(200, &body)),
        "/watch" => state.channels.watch(body, now).map(|body| Reply::json(200, &body)),
        id => {
            let event = id.strip_prefix('/').and_then(|id| state.calendar.render(id));
            event.map(|body| Reply::json(200, &body)).ok_or_else(Refusal::not_found)
        }
    }
}

/// What a fault makes of a reply. Google has no `Retry-After` on its rate limits, and calls some of them 403.
fn strike(
    state: &mut State,
    fault: Option<Fault>,
    serve: impl FnOnce(&mut State, bool) -> Reply,
) -> Reply {
    match fault {
        None | Some(Fault::Hang) => serve(state, false),
        Some(Fault::EmptyPage) => serve(state, true),
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
        Some(Fault::CutBody) => Reply { cut: true, ..serve(state, false) },
        Some(Fault::TruncatedJson) => {
            let mut reply = serve(state, false);
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
