//! The HTTP side: token, routes, limits, faults.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, UNIX_EPOCH};

use axum::body::{Body, to_bytes};
use axum::http::{Request as HttpRequest, Response, StatusCode, header};
use serde_json::{Value, json};

use super::faults::{Fault, Faults, Policy};
use super::log::{Hook, Log, Request};
use super::refusal::Refusal;
use super::state::{HubSpotPortal, Kind};
use crate::loopback::{half, lock};

/// The paths of the legacy version, and of the dated ones (September and March of a year).
const LEGACY: &str = "/crm/v3/objects/";
const DATED: [&str; 2] = ["/crm/objects/2026-03/", "/crm/objects/2026-09/"];

/// The path of the account's details in each version.
const DETAILS: [&str; 3] =
    ["/account-info/v3/details", "/account-info/2026-03/details", "/account-info/2026-09/details"];

/// The most search requests per second.
const SEARCHES_A_SECOND: u32 = 5;

/// A callback that gets the path of each request, and may change the portal before the reply.
pub(super) type Watcher = Box<dyn FnMut(&str, &mut HubSpotPortal) + Send>;

/// The state that the server and the test share.
pub(super) struct Shared {
    pub portal: Mutex<HubSpotPortal>,
    pub faults: Mutex<Faults>,
    pub log: Mutex<Log>,
    pub watcher: Mutex<Option<Watcher>>,
    /// Called before the archived list of a kind is begun.
    pub between_lists: Mutex<Vec<(Kind, Hook)>>,
    pub token: Mutex<String>,
    /// The clock that a test has set, if any.
    pub clock: Mutex<Option<Box<dyn Fn() -> i64 + Send>>>,
    /// The second of the last search and the number of searches in it; `None` without this limit.
    pub searches: Mutex<Option<(i64, u32)>>,
}

struct Reply {
    status: u16,
    content_type: &'static str,
    body: Vec<u8>,
    cut: bool,
}

impl Reply {
    fn json(status: u16, body: String) -> Self {
        Self {
            status,
            content_type: "application/json;charset=utf-8",
            body: body.into(),
            cut: false,
        }
    }

    fn html(status: u16) -> Self {
        let page = "<!DOCTYPE html>\n<html><head><title>HubSpot</title></head><body>Back soon</body></html>";
        Self { content_type: "text/html", ..Self::json(status, page.to_owned()) }
    }
}

impl From<Refusal> for Reply {
    fn from(Refusal(status, body): Refusal) -> Self {
        Self::json(status, body)
    }
}

pub(super) async fn answer(shared: Arc<Shared>, request: HttpRequest<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = to_bytes(body, 1 << 20).await.unwrap_or_default();
    if let Some(clock) = lock(&shared.clock).as_ref() {
        lock(&shared.portal).set_now(clock());
    }
    let path = parts.uri.path().to_owned();
    let query = parts.uri.query().unwrap_or_default().to_owned();
    let (number, hooks) = lock(&shared.log).add(|_| Request {
        method: parts.method.to_string(),
        path: path.clone(),
        query: query.clone(),
        body: String::from_utf8_lossy(&body).into_owned(),
        status: 0,
        fault: None,
    });
    for hook in hooks {
        hook(&mut lock(&shared.portal));
    }
    if let Some(watcher) = lock(&shared.watcher).as_mut() {
        watcher(&path, &mut lock(&shared.portal));
    }
    if let Some(kind) = begins_archived_list(&path, &query) {
        let mut waiting = lock(&shared.between_lists);
        let (due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut *waiting).into_iter().partition(|(of, _)| *of == kind);
        *waiting = later;
        due.into_iter().for_each(|(_, act)| act(&mut lock(&shared.portal)));
    }
    let fault = lock(&shared.faults).strike(&path);
    lock(&shared.log).amend(number, |request| request.fault = fault);
    if fault == Some(Fault::Hang) {
        return std::future::pending().await;
    }
    let bearer = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let honest = || {
        serve(&shared, parts.method.as_str(), &path, &query, &body, bearer)
            .unwrap_or_else(Reply::from)
    };
    let reply = match fault {
        None => honest(),
        Some(Fault::EmptyPage) => empty_page(&query, &body),
        Some(fault) => spoil(fault, honest),
    };
    lock(&shared.log).amend(number, |request| request.status = reply.status);
    respond(reply, lock(&shared.portal).now_ms)
}

fn serve(
    shared: &Shared,
    method: &str,
    path: &str,
    query: &str,
    body: &[u8],
    bearer: Option<&str>,
) -> Result<Reply, Refusal> {
    let token = bearer.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if token != *lock(&shared.token) {
        let why =
            "Authentication credentials not found. This API supports OAuth 2.0 authentication";
        return Err(Refusal::new(401, "INVALID_AUTHENTICATION", why));
    }
    if method == "GET" && DETAILS.contains(&path) {
        return Ok(Reply::json(200, details(&lock(&shared.portal)).to_string()));
    }
    let mut parts = objects(path).unwrap_or_default().split('/');
    let kind = parts.next().and_then(kind_of).ok_or_else(Refusal::not_found)?;
    let pairs = form_urlencoded::parse(query.as_bytes()).into_owned();
    let query: HashMap<String, String> = pairs.collect();
    let portal = lock(&shared.portal);
    let value = match (method, parts.next(), parts.next()) {
        ("GET", None, None) => portal.list(kind, &query)?,
        ("POST", Some("search"), None) => {
            count_search(shared, portal.now_ms / 1_000)?;
            portal.search(kind, body)?
        }
        ("GET", Some(id), None) => portal.read(kind, id, &query)?,
        _ => return Err(Refusal::not_found()),
    };
    Ok(Reply::json(200, value.to_string()))
}

/// The part of a path behind the version; `None` if this API or version does not exist. Dated
/// versions and the legacy one answer alike.
fn objects(path: &str) -> Option<&str> {
    let dated = || DATED.iter().find_map(|version| path.strip_prefix(version));
    path.strip_prefix(LEGACY).or_else(dated)
}

fn kind_of(word: &str) -> Option<Kind> {
    match word {
        "contacts" => Some(Kind::Contact),
        "deals" => Some(Kind::Deal),
        _ => None,
    }
}

/// The kind of object whose archived list this request begins, if it is one.
fn begins_archived_list(path: &str, query: &str) -> Option<Kind> {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let archived = pairs.clone().any(|(name, value)| name == "archived" && value == "true");
    let begins = archived && !pairs.any(|(name, _)| name == "after");
    objects(path).filter(|_| begins).and_then(kind_of)
}

/// The account, as HubSpot's API of account information shows it.
fn details(portal: &HubSpotPortal) -> Value {
    json!({
        "portalId": 12_345_678, "accountType": "STANDARD", "timeZone": "Europe/Berlin",
        "companyCurrency": portal.company_currency, "additionalCurrencies": ["USD", "JPY", "KWD"],
        "utcOffset": "+01:00", "utcOffsetMilliseconds": 3_600_000, "uiDomain": "app-eu1.hubspot.com",
        "dataHostingLocation": "eu1",
    })
}

fn count_search(shared: &Shared, second: i64) -> Result<(), Refusal> {
    let mut searches = lock(&shared.searches);
    let Some((last, seen)) = searches.as_mut() else { return Ok(()) };
    if *last != second {
        (*last, *seen) = (second, 0);
    }
    *seen += 1;
    if *seen > SEARCHES_A_SECOND { Err(Refusal::too_many(Policy::Secondly)) } else { Ok(()) }
}

fn spoil(fault: Fault, honest: impl FnOnce() -> Reply) -> Reply {
    match fault {
        Fault::TooMany(policy) => Refusal::too_many(policy).into(),
        Fault::ServerError => Refusal::new(500, "INTERNAL_ERROR", "internal error").into(),
        Fault::BadGateway => Reply::html(502),
        Fault::Html => Reply::html(200),
        Fault::NoSuchPage => Reply::html(404),
        Fault::Proxy => Reply::html(403),
        Fault::BadRequest => Refusal::bad_request("Invalid input JSON").into(),
        Fault::ErrorInside => {
            Reply { status: 200, ..Refusal::new(500, "INTERNAL_ERROR", "internal error").into() }
        }
        Fault::Unauthorized => {
            Refusal::new(401, "EXPIRED_AUTHENTICATION", "The token has expired").into()
        }
        Fault::Forbidden => {
            Refusal::new(403, "MISSING_SCOPES", "This app hasn't been granted all scopes").into()
        }
        Fault::TruncatedJson => {
            let mut reply = honest();
            reply.body.truncate(reply.body.len() / 2);
            reply
        }
        Fault::CutBody => Reply { cut: true, ..honest() },
        Fault::Hang | Fault::EmptyPage => honest(),
    }
}

/// A page that shows nothing and goes on where it was asked for. Its cursor is another one all the
/// same: the number with one more zero before it.
fn empty_page(query: &str, body: &[u8]) -> Reply {
    let mut pairs = form_urlencoded::parse(query.as_bytes());
    let listed = pairs.find(|(name, _)| name == "after").map(|(_, after)| after.into_owned());
    let searched = serde_json::from_slice::<serde_json::Value>(body).ok();
    let searched = searched.and_then(|body| Some(body.get("after")?.as_str()?.to_owned()));
    let after = format!("0{}", listed.or(searched).unwrap_or_default());
    let page = json!({"total": 1, "results": [], "paging": {"next": {"after": after}}});
    Reply::json(200, page.to_string())
}

fn respond(reply: Reply, now_ms: i64) -> Response<Body> {
    let since = Duration::from_secs(u64::try_from(now_ms / 1_000).unwrap_or(0));
    let response = Response::builder()
        .status(StatusCode::from_u16(reply.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR))
        .header(header::CONTENT_TYPE, reply.content_type)
        .header(header::DATE, httpdate::fmt_http_date(UNIX_EPOCH + since));
    let built = if reply.cut {
        response.header(header::CONTENT_LENGTH, reply.body.len()).body(half(reply.body))
    } else {
        response.body(Body::from(reply.body))
    };
    built.unwrap_or_default()
}
