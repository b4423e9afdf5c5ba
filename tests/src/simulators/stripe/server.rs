//! The HTTP side: authentication, routing, faults, headers.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use axum::body::Body;
use axum::http::{HeaderMap, Request as HttpRequest, Response, StatusCode, header};

use super::event::ApiVersion;
use super::id::{self, Kind};
use super::log::{Log, Request};
use super::query::Resource;
use super::refusal::Refusal;
use super::state::StripeAccount;
use crate::loopback::{half, lock};
use crate::simulators::faults::{Fault, Faults, RetryAfter};

/// The key that a simulator accepts until a test sets another.
pub const DEFAULT_KEY: &str = "sk_test_penstock";

/// The valid key, and the path prefixes that it lacks permission for.
pub(crate) struct Keys {
    pub(crate) secret: String,
    pub(crate) forbidden: Vec<String>,
}

/// The state that the server and the test share.
pub(crate) struct Shared {
    pub(crate) account: Mutex<StripeAccount>,
    /// The accounts that are connected to it, by their ids.
    pub(crate) connected: Mutex<BTreeMap<String, StripeAccount>>,
    pub(crate) faults: Mutex<Faults>,
    pub(crate) log: Mutex<Log>,
    pub(crate) keys: Mutex<Keys>,
    pub(crate) watcher: Mutex<Option<Watcher>>,
}

/// A callback that gets the path of each request, and may change the account before the reply.
pub(crate) type Watcher = Box<dyn FnMut(&str, &mut StripeAccount) + Send>;

/// A reply before its headers are added.
struct Reply {
    status: u16,
    content_type: &'static str,
    retry_after: RetryAfter,
    body: Vec<u8>,
    cut: bool,
}

impl Reply {
    fn json(status: u16, body: String) -> Self {
        let content_type = "application/json";
        Self {
            status,
            content_type,
            retry_after: RetryAfter::Absent,
            body: body.into(),
            cut: false,
        }
    }

    fn html(status: u16, title: &str) -> Self {
        let page = format!(
            "<html>\r\n<head><title>{title}</title></head>\r\n<body>\r\n<center><h1>{title}</h1>\
             </center>\r\n<hr><center>nginx</center>\r\n</body>\r\n</html>\r\n"
        );
        Self { content_type: "text/html; charset=utf-8", ..Self::json(status, page) }
    }

    fn refusal(refusal: &Refusal) -> Self {
        Self::json(refusal.status, refusal.body())
    }
}

/// Answers one HTTP request.
pub(crate) async fn answer(shared: Arc<Shared>, request: HttpRequest<Body>) -> Response<Body> {
    let path = request.uri().path().to_owned();
    let query = request.uri().query().unwrap_or_default().to_owned();
    if let Some(command) = path.strip_prefix("/_sim/") {
        let (status, body) = super::control::run(&shared, command, &query);
        return respond(&shared, Reply::json(status, body), 0, None);
    }
    let fault = lock(&shared.faults).strike(&path);
    let (number, hooks) = {
        let at = lock(&shared.account).now();
        lock(&shared.log)
            .add(|number| Request { number, ..entry(&request, &path, &query, fault, at) })
    };
    for hook in hooks {
        hook();
    }
    if let Some(watcher) = lock(&shared.watcher).as_mut() {
        watcher(&path, &mut lock(&shared.account));
    }
    if fault == Some(Fault::Hang) {
        return std::future::pending().await;
    }
    let reply = match fault {
        Some(fault) => spoil(fault, &path, || serve(&shared, &request, &path, &query)),
        None => serve(&shared, &request, &path, &query),
    };
    lock(&shared.log).amend(number, |request| request.status = reply.status);
    respond(&shared, reply, number, header_text(request.headers(), "stripe-version"))
}

fn entry(
    request: &HttpRequest<Body>,
    path: &str,
    query: &str,
    fault: Option<Fault>,
    at: i64,
) -> Request {
    let headers = request.headers();
    Request {
        number: 0,
        method: request.method().to_string(),
        path: path.to_owned(),
        query: query.to_owned(),
        stripe_version: header_text(headers, "stripe-version"),
        user_agent: header_text(headers, "user-agent"),
        idempotency_key: header_text(headers, "idempotency-key"),
        authorized: headers.contains_key(header::AUTHORIZATION),
        at,
        fault,
        status: 0,
    }
}

fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    headers.get(name).and_then(|value| value.to_str().ok()).map(str::to_owned)
}

/// Returns the reply without any fault.
fn serve(shared: &Shared, request: &HttpRequest<Body>, path: &str, query: &str) -> Reply {
    match try_serve(shared, request, path, query) {
        Ok(body) => Reply::json(200, body),
        Err(refusal) => Reply::refusal(&refusal),
    }
}

fn try_serve(
    shared: &Shared,
    request: &HttpRequest<Body>,
    path: &str,
    query: &str,
) -> Result<String, Refusal> {
    let method = request.method().as_str();
    let unrecognized = || Refusal::unrecognized(method, path);
    authenticate(shared, request.headers())?;
    let mut parts = path.strip_prefix("/v1/").ok_or_else(unrecognized)?.split('/');
    let resource = parts.next().and_then(Resource::of).ok_or_else(unrecognized)?;
    let (id, part) = (parts.next(), parts.next());
    let known = part.is_none() || (part == Some("refunds") && resource == Resource::Charges);
    if method != "GET" || !known || parts.next().is_some() || id == Some("") {
        return Err(unrecognized());
    }
    if lock(&shared.keys).forbidden.iter().any(|prefix| path.starts_with(prefix)) {
        return Err(Refusal::forbidden(resource.noun()));
    }
    let connected = lock(&shared.connected);
    let own = lock(&shared.account);
    let account = match header_text(request.headers(), "stripe-account") {
        Some(id) => connected.get(&id).ok_or_else(|| Refusal::no_account(&id))?,
        None => &*own,
    };
    let version = match header_text(request.headers(), "stripe-version") {
        Some(text) => ApiVersion::of_header(&text).ok_or_else(|| Refusal::version(&text))?,
        None => account.spec.version,
    };
    match id {
        Some(charge) if part.is_some() => {
            account.read(resource, charge, "", version)?;
            account.list(Resource::Refunds, &format!("{query}&charge={charge}"), version)
        }
        Some(id) => account.read(resource, id, query, version),
        None => account.list(resource, query, version),
    }
}

fn authenticate(shared: &Shared, headers: &HeaderMap) -> Result<(), Refusal> {
    let text = header_text(headers, "authorization").ok_or_else(Refusal::no_key)?;
    let (scheme, credentials) = text.split_once(' ').ok_or_else(Refusal::no_key)?;
    let key = if scheme.eq_ignore_ascii_case("bearer") {
        credentials.trim().to_owned()
    } else if scheme.eq_ignore_ascii_case("basic") {
        let plain = base64(credentials.trim()).ok_or_else(Refusal::no_key)?;
        plain.split(':').next().unwrap_or_default().to_owned()
    } else {
        return Err(Refusal::no_key());
    };
    if key == lock(&shared.keys).secret { Ok(()) } else { Err(Refusal::wrong_key(&key)) }
}

/// Decodes base64 in the standard alphabet.
fn base64(text: &str) -> Option<String> {
    let mut bytes = Vec::new();
    let (mut bits, mut held) = (0_u32, 0_u32);
    for symbol in text.trim_end_matches('=').bytes() {
        let value = match symbol {
            b'A'..=b'Z' => symbol - b'A',
            b'a'..=b'z' => symbol - b'a' + 26,
            b'0'..=b'9' => symbol - b'0' + 52,
            b'+' => 62,
            b'/' => 63,
            _ => return None,
        };
        bits = (bits << 6 | u32::from(value)) & 0xFFFF;
        held += 6;
        if held >= 8 {
            held -= 8;
            bytes.push(u8::try_from((bits >> held) & 0xFF).ok()?);
        }
    }
    String::from_utf8(bytes).ok()
}

/// Applies a fault to a reply.
fn spoil(fault: Fault, path: &str, honest: impl FnOnce() -> Reply) -> Reply {
    match fault {
        Fault::TooMany(retry_after) => {
            Reply { retry_after, ..Reply::refusal(&Refusal::too_many()) }
        }
        Fault::ServerError => Reply::refusal(&Refusal::server(500)),
        Fault::BadGateway => Reply::html(502, "502 Bad Gateway"),
        Fault::Unavailable(retry_after) => {
            Reply { retry_after, ..Reply::refusal(&Refusal::server(503)) }
        }
        Fault::Html => Reply::html(200, "We'll be right back"),
        Fault::ErrorInside => Reply::json(200, Refusal::server(500).body()),
        Fault::Unauthorized => Reply::refusal(&Refusal::wrong_key("sk_test_revoked")),
        Fault::Forbidden => Reply::refusal(&Refusal::forbidden("charge")),
        Fault::NotFound => Reply::refusal(&Refusal::unrecognized("GET", path)),
        Fault::BadRequest => Reply::refusal(&Refusal::unknown_parameter("limit")),
        Fault::Proxy => Reply::html(403, "Access denied"),
        Fault::EmptyPage => {
            let page =
                "{\n  \"object\": \"list\",\n  \"data\": [],\n  \"has_more\": true,\n  \"url\": \"";
            Reply::json(200, format!("{page}{path}\"\n}}\n"))
        }
        Fault::TruncatedJson => {
            let mut reply = honest();
            reply.body.truncate(reply.body.len() / 2);
            reply
        }
        Fault::CutBody => Reply { cut: true, ..honest() },
        Fault::Hang => honest(),
    }
}

fn respond(shared: &Shared, reply: Reply, number: u64, version: Option<String>) -> Response<Body> {
    let now = lock(&shared.account).now();
    let mut response = Response::builder()
        .status(StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(header::CONTENT_TYPE, reply.content_type)
        .header(header::DATE, http_date(now))
        .header("Request-Id", id::encode(Kind::Request, false, number))
        .header(header::CACHE_CONTROL, "no-cache, no-store");
    if let Some(version) = version {
        response = response.header("Stripe-Version", version);
    }
    if reply.status == 401 {
        response = response.header(header::WWW_AUTHENTICATE, "Bearer realm=\"Stripe\"");
    }
    match reply.retry_after {
        RetryAfter::Absent => {}
        RetryAfter::Seconds(seconds) => response = response.header(header::RETRY_AFTER, seconds),
        RetryAfter::Date(seconds) => {
            let date = http_date(now + i64::from(seconds));
            response = response.header(header::RETRY_AFTER, date);
        }
    }
    let built = if reply.cut {
        response.header(header::CONTENT_LENGTH, reply.body.len()).body(half(reply.body))
    } else {
        response.body(Body::from(reply.body))
    };
    built.unwrap_or_default()
}

fn http_date(unix: i64) -> String {
    let since = Duration::from_secs(u64::try_from(unix).unwrap_or(0));
    httpdate::fmt_http_date(UNIX_EPOCH + since)
}
