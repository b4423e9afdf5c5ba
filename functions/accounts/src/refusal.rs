//! The reply to a request that is refused.

use penstock_edge::http::{
    HeaderValue, Method, Problem, Reply, Request, RequestId, StatusCode, session,
};

use crate::forms;

/// Returns the code of a refusal that the shell has made.
fn code_of(problem: &Problem, request: &Request) -> &'static str {
    let is_session = request.path.ends_with("/get-session") || request.path == "/session";
    match problem.status {
        StatusCode::BAD_REQUEST => "BAD_REQUEST",
        StatusCode::UNAUTHORIZED => "UNAUTHORIZED",
        StatusCode::FORBIDDEN => "FORBIDDEN",
        StatusCode::NOT_FOUND => "NOT_FOUND",
        StatusCode::METHOD_NOT_ALLOWED if is_session && request.method == Method::POST => {
            "METHOD_NOT_ALLOWED_DEFER_SESSION_REQUIRED"
        }
        StatusCode::METHOD_NOT_ALLOWED => "METHOD_NOT_ALLOWED",
        StatusCode::PAYLOAD_TOO_LARGE => "PAYLOAD_TOO_LARGE",
        StatusCode::UNSUPPORTED_MEDIA_TYPE => "UNSUPPORTED_MEDIA_TYPE",
        StatusCode::SERVICE_UNAVAILABLE => "SERVICE_UNAVAILABLE",
        _ => "INTERNAL_SERVER_ERROR",
    }
}

/// The header in which Better Auth's client reads when to come again.
const X_RETRY_AFTER: &str = "x-retry-after";

/// Writes the reply to a request that is refused: a problem with `code` and `message`. A form goes
/// back to its page, unless the fault is ours.
pub(crate) fn refusal(problem: &Problem, request: &Request, id: &RequestId) -> Reply {
    let mut problem = problem.clone();
    if !problem.members.contains_key("code") {
        let (code, message) = (code_of(&problem, request), problem.detail.clone());
        problem = problem.with("code", code).with("message", message);
    }
    let mut reply = match forms::page_of_refusal(&problem, request) {
        Some(page) => forms::see_other(&page),
        None => Reply::problem(&problem, id),
    };
    if let Some(seconds) = problem.retry_after {
        reply.headers.insert(X_RETRY_AFTER, HeaderValue::from(seconds));
    }
    if problem.slug == Problem::signed_out().slug && session::is_presented(request) {
        // A session that is over: its cookie opens nothing any more.
        for cookie in session::end(request) {
            reply = reply.with_cookie(&cookie);
        }
    }
    reply
}
