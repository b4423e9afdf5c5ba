//! The pages that say why there is none.

use askama::Template;
use penstock_edge::http::{
    Call, Failure, Method, Problem, Reply, Request, RequestId, StatusCode, header,
};

use crate::Ports;
use crate::addresses::{own_path, sign_in};
use crate::filters::{self, Markup};
use crate::headers::{document, see_other};
use crate::page::Shell;

#[derive(Template)]
#[template(path = "refusal.html")]
struct Refusal<'a> {
    shell: Shell,
    status: u16,
    detail: Markup,
    errors: Vec<(Markup, Markup)>,
    request_id: &'a str,
    sign_in: Option<String>,
}

/// Writes a failure as a page. A page that needs a session sends the reader to sign in first.
pub(crate) fn page_of(failure: &Failure, request: &Request, id: &RequestId) -> Reply {
    let problem = failure.problem();
    let own = own_path(request);
    let is_page = matches!(request.method, Method::GET | Method::HEAD);
    if problem.status == StatusCode::UNAUTHORIZED && is_page {
        return see_other(&sign_in(Some(&own)));
    }
    let title = problem.status.canonical_reason().unwrap_or("Error");
    let errors = problem.errors.iter();
    let page = Refusal {
        shell: Shell::outside(title),
        status: problem.status.as_u16(),
        detail: filters::text(&problem.detail),
        errors: errors.map(|it| (filters::text(&it.pointer), filters::text(&it.detail))).collect(),
        request_id: id.as_str(),
        sign_in: (problem.status == StatusCode::UNAUTHORIZED).then(|| sign_in(None)),
    };
    // A template that fails leaves the sentence itself.
    let html = page.render().unwrap_or_else(|_| page.detail.to_string());
    let mut reply = document(problem.status, html);
    if let Some(allow) = problem.allow.as_deref() {
        reply = reply.with_header(header::ALLOW, allow);
    }
    match problem.retry_after {
        Some(seconds) => reply.with_retry_after(seconds),
        None => reply,
    }
}

/// `GET /console/{page}`: a path that no page has.
pub(crate) async fn unknown(_: &Ports, _: Call<'_>) -> Result<Reply, Failure> {
    Err(Problem::not_found("There is no such page.").into())
}
