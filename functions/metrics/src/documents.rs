//! The generated contract (`make generate`): a document for programs, and a page for people.

use penstock_edge::http::Document;

/// The contract for programs.
pub(crate) static OPENAPI: Document = Document {
    media_type: "application/json",
    bytes: include_bytes!("../../../docs/openapi.json"),
    security_policy: "default-src 'none'; frame-ancestors 'none'",
};

/// The contract for people.
pub(crate) static PAGE: Document = Document {
    media_type: "text/html; charset=utf-8",
    bytes: include_bytes!("../../../docs/api.html"),
    // Only the page's own style, by its hash: a test compares it.
    security_policy: "default-src 'none'; style-src 'sha256-hFlzQ+hi3K9AHczUszpYOulgmmz4d+YDwTUAFyIyfRo='; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
};
