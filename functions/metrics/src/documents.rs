//! The generated contract (`make generate`).

use penstock_edge::http::Document;

/// The contract. `console` shows it to people.
pub(crate) static OPENAPI: Document = Document {
    media_type: "application/json",
    bytes: include_bytes!("../../../docs/openapi.json"),
    security_policy: "default-src 'none'; frame-ancestors 'none'",
};
