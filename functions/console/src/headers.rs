//! The headers of every reply that a browser shows.

use penstock_edge::http::{HeaderMap, HeaderValue, Reply, StatusCode, header};

/// The policy of every page: nothing of another origin, and no script or style within the page.
pub(crate) const SECURITY_POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
     form-action 'self'; base-uri 'none'; frame-ancestors 'none'";

/// Sends the reader to another page of the console, by GET.
pub(crate) fn see_other(path: &str) -> Reply {
    Reply::new(StatusCode::SEE_OTHER, headers(), Vec::new()).with_header(header::LOCATION, path)
}

/// A page, rendered.
pub(crate) fn document(status: StatusCode, html: String) -> Reply {
    let mut headers = headers();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    Reply::new(status, headers, html.into_bytes())
}

/// The headers of every reply that a browser shows.
pub(crate) fn headers() -> HeaderMap {
    HeaderMap::from_iter([
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
        (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(SECURITY_POLICY)),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (header::VARY, HeaderValue::from_static("cookie, sec-fetch-site, origin")),
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    ])
}
