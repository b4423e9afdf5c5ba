//! The generated contract (`make generate`): a document for programs, and a page for people.

use penstock_edge::http::{Document, Query, Reply, Request, RequestId};

use crate::question::Failure;

const OPENAPI: Document = Document {
    media_type: "application/json",
    text: include_str!("../../../docs/openapi.json"),
    security_policy: "default-src 'none'; frame-ancestors 'none'",
};

const PAGE: Document = Document {
    media_type: "text/html; charset=utf-8",
    text: include_str!("../../../docs/api.html"),
    // Only the page's own style, by its hash: a test compares it.
    security_policy: "default-src 'none'; style-src 'sha256-hFlzQ+hi3K9AHczUszpYOulgmmz4d+YDwTUAFyIyfRo='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Which {
    Openapi,
    Page,
}

/// The document, or 304 where the caller has it.
pub(crate) fn serve(
    which: Which,
    request: &Request,
    query: Query,
    id: &RequestId,
) -> Result<Reply, Failure> {
    query.finish()?;
    let document = if which == Which::Openapi { &OPENAPI } else { &PAGE };
    Ok(Reply::document(document, &request.headers, id))
}
