//! Forms of pages: they are answered by 303, to a page of our own.
//!
//! A form says by `callbackURL` which page comes when it is done, and by `errorCallbackURL` which
//! one comes when it is refused. Both must be paths, so that no form sends anybody to another site.

use penstock_edge::http::{HeaderMap, HeaderValue, Problem, Reply, Request, StatusCode, header};

use crate::media::{LONGEST, form_fields, is_form, is_own_path};

/// The page of those who are signed in.
const HOME: &str = "/console";

/// The page on which people sign in.
const SIGN_IN: &str = "/console/sign-in";

/// The page of a link.
const LINK: &str = penstock_domain::account::link::PATH;

/// The page that lists the accounts.
const ACCOUNTS: &str = "/console/accounts";

/// Sends the browser to a page.
pub(crate) fn see_other(page: &str) -> Reply {
    let headers =
        HeaderMap::from_iter([(header::CACHE_CONTROL, HeaderValue::from_static("no-store"))]);
    Reply::new(StatusCode::SEE_OTHER, headers, Vec::new()).with_header(header::LOCATION, page)
}

/// The page that comes when a form is done and names none.
pub(crate) fn page_after(request: &Request) -> &'static str {
    match request.path.as_str() {
        "/api/auth/sign-out" | "/api/auth/revoke-sessions" => SIGN_IN,
        "/api/auth/request-password-reset" => "/console/sign-in?asked=reset",
        "/api/auth/reset-password" => "/console/sign-in?done=reset",
        path if path.starts_with("/users/") => ACCOUNTS,
        _ => HOME,
    }
}

/// The page to which a refused form goes back, with the code of the refusal in its query. `None` if
/// it is no form, or the fault is ours.
pub(crate) fn page_of_refusal(problem: &Problem, request: &Request) -> Option<String> {
    if !is_form(request) || problem.status.is_server_error() {
        return None;
    }
    let bytes = request.bytes(LONGEST).unwrap_or_default();
    let fields = form_fields(&bytes);
    let field = |name: &str| fields.iter().find(|(found, _)| found == name).map(|(_, text)| text);
    let page = match request.path.as_str() {
        "/api/auth/use-link" | "/api/auth/reset-password" => LINK,
        path if path.starts_with("/users/") && problem.status != StatusCode::UNAUTHORIZED => {
            ACCOUNTS
        }
        _ => SIGN_IN,
    };
    let named = field("errorCallbackURL").filter(|page| is_own_path(page));
    let page = named.map_or(page, String::as_str);
    let mut query = form_urlencoded::Serializer::new(String::new());
    query.append_pair("error", problem.members.get("code")?.as_str()?);
    if let Some(seconds) = problem.retry_after {
        query.append_pair("retryAfter", &seconds.to_string());
    }
    // So that the page can show its form again.
    if page == LINK
        && let Some(token) = field("token")
    {
        query.append_pair("token", token);
    }
    if page == SIGN_IN
        && let Some(then) = field("callbackURL").filter(|page| is_own_path(page))
    {
        query.append_pair("next", then);
    }
    let sign = if page.contains('?') { '&' } else { '?' };
    Some(format!("{page}{sign}{}", query.finish()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::code::Code;
    use crate::media::FORM;
    use serde_json::json;

    fn form(path: &str, body: &str, accept: &str) -> Request {
        let event = json!({
            "rawPath": path, "requestContext": {"http": {"method": "POST"}}, "body": body,
            "headers": {"content-type": format!("{FORM}; charset=UTF-8"), "accept": accept},
        });
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn a_refused_form_goes_back_to_its_page_with_the_code() {
        let page = |path: &str, body: &str| {
            page_of_refusal(&Code::InvalidToken.problem(), &form(path, body, "text/html"))
        };
        for (path, body, expected) in [
            ("/api/auth/sign-in/email", "", "/console/sign-in?error=INVALID_TOKEN"),
            (
                "/api/auth/sign-in/email",
                "callbackURL=%2Fconsole%2Fruns%3Fa%3Db",
                "/console/sign-in?error=INVALID_TOKEN&next=%2Fconsole%2Fruns%3Fa%3Db",
            ),
            (
                "/api/auth/sign-in/email",
                "callbackURL=https%3A%2F%2Fevil.example&errorCallbackURL=%2F%2Fevil.example",
                "/console/sign-in?error=INVALID_TOKEN",
            ),
            ("/api/auth/use-link", "token=a%26b", "/console/link?error=INVALID_TOKEN&token=a%26b"),
            (
                "/users/1/role",
                "errorCallbackURL=%2Fconsole%2Fx%3Fy",
                "/console/x?y&error=INVALID_TOKEN",
            ),
            ("/users/1/role", "", "/console/accounts?error=INVALID_TOKEN"),
        ] {
            assert_eq!(page(path, body).as_deref(), Some(expected), "{path} {body}");
        }
    }

    #[test]
    fn our_own_fault_is_no_page() {
        let request = form("/api/auth/use-link", "", "text/html");
        let problem = Problem::coded(StatusCode::SERVICE_UNAVAILABLE, "unavailable", "X", "x");
        assert_eq!(page_of_refusal(&problem, &request), None);
    }
}
