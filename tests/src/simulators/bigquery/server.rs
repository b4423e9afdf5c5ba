//! The HTTP side: tokens, routing, faults, replies that are lost.

use std::collections::HashSet;
use std::sync::{Arc, Mutex};

use axum::body::Body;
use axum::http::request::Parts;
use axum::http::{Method, Request as HttpRequest, Response, StatusCode, header};
use jiff::Timestamp;
use serde_json::Value;

use super::refusal::Refusal;
use super::state::Project;
use super::upload::Stored;
use crate::loopback::{half, lock};
use crate::simulators::faults::Faults;
use crate::simulators::gcal::token::Tokens;
use crate::simulators::log;

/// A fault of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The request is served, and its reply breaks off.
    LostReply,
    /// 503, and nothing is done.
    Unavailable,
    /// 502 with a proxy's HTML, and nothing is done.
    BadGateway,
    /// 403 `rateLimitExceeded`.
    RateLimit,
    /// 403 `accessDenied`.
    Denied,
    /// 401 as for a token that is over.
    Unauthorized,
    /// 400 as for a request that is wrong.
    Invalid,
    /// 404 as for a table that is not there.
    NotFound,
    /// Of a chunk only a half arrives.
    HalfAChunk,
    /// No reply, for as long as the simulator lives.
    Hang,
}

/// A request that came in. Exchanges at the token endpoint are not logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// The bytes of the body.
    pub bytes: usize,
    /// The reply's status. It is 0 until there is a reply.
    pub status: u16,
    pub fault: Option<Fault>,
}

pub(super) type Hook = Box<dyn FnOnce() + Send>;
pub(super) type Log = log::Log<Request, Hook>;

/// The state that the server and the test share.
pub(super) struct Shared {
    pub(super) project: Mutex<Project>,
    pub(super) tokens: Mutex<Tokens>,
    pub(super) faults: Mutex<Faults<Fault>>,
    pub(super) log: Mutex<Log>,
    /// The requests whose first replies were lost; `None` while none is to be.
    pub(super) lost: Mutex<Option<HashSet<String>>>,
    pub(super) url: Mutex<String>,
    pub(super) clock: Mutex<Box<dyn Fn() -> Timestamp + Send>>,
}

struct Reply {
    status: u16,
    headers: Vec<(&'static str, String)>,
    body: Vec<u8>,
}

impl Reply {
    fn json(body: &Value) -> Self {
        let body = format!("{body:#}\n").into_bytes();
        Self { status: 200, headers: vec![("content-type", "application/json".to_owned())], body }
    }

    fn refusal(refusal: &Refusal) -> Self {
        Self { status: refusal.status, ..Self::json(&refusal.body()) }
    }
}

/// Answers one HTTP request.
pub(super) async fn answer(shared: Arc<Shared>, request: HttpRequest<Body>) -> Response<Body> {
    let (parts, body) = request.into_parts();
    let body = axum::body::to_bytes(body, 64 << 20).await.unwrap_or_default();
    let path = parts.uri.path().to_owned();
    let now = lock(&shared.clock)();
    let fault = lock(&shared.faults).strike(&path);
    if path == "/token" {
        if fault == Some(Fault::Unavailable) {
            return respond(Reply::refusal(&passing(503)), false);
        }
        let audience = format!("{}/token", lock(&shared.url));
        let (status, body) = lock(&shared.tokens).exchange(&body, &audience, now);
        return respond(Reply { status, ..Reply::json(&body) }, false);
    }
    let (number, hooks) = lock(&shared.log).add(|_| Request {
        method: parts.method.to_string(),
        path: path.clone(),
        bytes: body.len(),
        status: 0,
        fault,
    });
    for hook in hooks {
        hook();
    }
    if fault == Some(Fault::Hang) {
        return std::future::pending().await;
    }
    let reply = match refused_by(fault) {
        Some(reply) => reply,
        None => {
            let is_half = fault == Some(Fault::HalfAChunk);
            let served = serve(&shared, &parts, &body, is_half, now);
            served.unwrap_or_else(|refusal| Reply::refusal(&refusal))
        }
    };
    lock(&shared.log).amend(number, |request| request.status = reply.status);
    let is_lost = fault == Some(Fault::LostReply) || is_lost(&shared, &parts, &body);
    respond(reply, is_lost)
}

/// Returns whether the reply is lost, because it is the first to this request.
fn is_lost(shared: &Shared, parts: &Parts, body: &[u8]) -> bool {
    let mut lost = lock(&shared.lost);
    let Some(lost) = lost.as_mut() else { return false };
    let range = parts.headers.get(header::CONTENT_RANGE);
    let resource: Value = serde_json::from_slice(body).unwrap_or_default();
    // A table that is made again may be given another time at which it ends.
    let ids = [
        &resource["jobReference"]["jobId"],
        &resource["tableReference"]["tableId"],
        &resource["datasetReference"]["datasetId"],
    ];
    lost.insert(format!("{} {} {range:?} {ids:?}", parts.method, parts.uri))
}

fn passing(status: u16) -> Refusal {
    Refusal::new(status, "backendError", "Error encountered during execution. Retrying may solve.")
}

fn refused_by(fault: Option<Fault>) -> Option<Reply> {
    let refusal = match fault? {
        Fault::LostReply | Fault::HalfAChunk | Fault::Hang => return None,
        Fault::Unavailable => passing(503),
        Fault::BadGateway => {
            let (headers, body) = (vec![], b"<!DOCTYPE html>\n<title>502</title>\n".to_vec());
            return Some(Reply { status: 502, headers, body });
        }
        Fault::RateLimit => {
            let message = "Exceeded rate limits: too many api requests per user per method";
            Refusal::new(403, "rateLimitExceeded", message)
        }
        Fault::Denied => {
            let message = "Access Denied: Project penstock-tests: User does not have permission";
            Refusal::new(403, "accessDenied", message)
        }
        Fault::Unauthorized => Refusal::new(401, "authError", "Invalid Credentials"),
        Fault::Invalid => Refusal::invalid("Invalid value"),
        Fault::NotFound => Refusal::not_found("Table penstock-tests:penstock.staged"),
    };
    Some(Reply::refusal(&refusal))
}

fn serve(
    shared: &Shared,
    parts: &Parts,
    body: &[u8],
    is_half: bool,
    now: Timestamp,
) -> Result<Reply, Refusal> {
    let token = parts.headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok());
    let token = token.and_then(|value| value.strip_prefix("Bearer ")).unwrap_or_default();
    if !lock(&shared.tokens).accepts(token, now) {
        return Err(Refusal::new(401, "authError", "Invalid Credentials"));
    }
    let mut project = lock(&shared.project);
    project.now = now;
    project.expire();
    let path = parts.uri.path();
    let no_such = || Refusal::not_found(format!("{} {path}", parts.method));
    let own = format!("/bigquery/v2/projects/{}/", project.id);
    if let Some(rest) = path.strip_prefix("/upload").and_then(|path| path.strip_prefix(&own)) {
        return if rest == "jobs" {
            upload(shared, &mut project, parts, body, is_half)
        } else {
            Err(no_such())
        };
    }
    let rest = path.strip_prefix(&own).ok_or_else(no_such)?;
    let resource =
        || serde_json::from_slice::<Value>(body).map_err(|_| Refusal::invalid("Parse Error"));
    let rest: Vec<&str> = rest.split('/').collect();
    let reply = match (&parts.method, rest.as_slice()) {
        (&Method::POST, ["datasets"]) => project.insert_dataset(&resource()?)?,
        (&Method::GET, ["datasets", id]) => project.get_dataset(id)?,
        (&Method::POST, ["datasets", id, "tables"]) => project.insert_table(id, &resource()?)?,
        (&Method::GET, ["datasets", id, "tables", table]) => project.get_table(id, table)?,
        (&Method::PATCH, ["datasets", id, "tables", table]) => {
            project.patch_table(id, table, &resource()?)?
        }
        (&Method::DELETE, ["datasets", id, "tables", table]) => {
            project.delete_table(id, table)?;
            return Ok(Reply { status: 204, headers: vec![], body: Vec::new() });
        }
        (&Method::POST, ["jobs"]) => project.insert_job(resource()?, Vec::new())?,
        (&Method::GET, ["jobs", id]) => {
            let query = query(parts);
            let location = query.iter().find(|(key, _)| key == "location");
            project.check_location(id, location.map(|(_, value)| value.as_str()))?;
            project.get_job(id)?
        }
        _ => return Err(no_such()),
    };
    Ok(Reply::json(&reply))
}

fn query(parts: &Parts) -> Vec<(String, String)> {
    let query = parts.uri.query().unwrap_or_default();
    form_urlencoded::parse(query.as_bytes()).into_owned().collect()
}

fn upload(
    shared: &Shared,
    project: &mut Project,
    parts: &Parts,
    body: &[u8],
    is_half: bool,
) -> Result<Reply, Refusal> {
    let query = query(parts);
    let parameter =
        |name: &str| query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str());
    let text = |name: &str| {
        parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default()
    };
    if parameter("uploadType") != Some("resumable") {
        return Err(Refusal::new(501, "notImplemented", "only resumable uploads are simulated"));
    }
    if parts.method == Method::POST {
        let resource = serde_json::from_slice(body).map_err(|_| Refusal::invalid("Parse Error"))?;
        let bad = |_| Refusal::invalid("Invalid X-Upload-Content-Length");
        let size = text("x-upload-content-length").parse().map_err(bad)?;
        let id = project.open_upload(resource, size)?;
        let path = format!("/upload/bigquery/v2/projects/{}/jobs", project.id);
        let url = format!("{}{path}?uploadType=resumable&upload_id={id}", lock(&shared.url));
        return Ok(Reply { status: 200, headers: vec![("location", url)], body: Vec::new() });
    }
    let session = parameter("upload_id").and_then(|id| id.parse().ok()).unwrap_or_default();
    match project.put(session, text("content-range"), body, is_half)? {
        Stored::Job(job) => Ok(Reply::json(&job)),
        Stored::Upto(last) => {
            let headers = last.map(|last| ("range", format!("bytes=0-{last}"))).into_iter();
            Ok(Reply { status: 308, headers: headers.collect(), body: Vec::new() })
        }
    }
}

fn respond(reply: Reply, is_lost: bool) -> Response<Body> {
    let status = StatusCode::from_u16(reply.status).expect("a status");
    let mut response = Response::builder().status(status);
    for (name, value) in reply.headers {
        response = response.header(name, value);
    }
    let body = match is_lost {
        true => {
            // One byte more than comes: a reply without a body breaks off as well.
            response = response.header(header::CONTENT_LENGTH, reply.body.len() + 1);
            half(reply.body)
        }
        false => Body::from(reply.body),
    };
    response.body(body).expect("a response")
}
