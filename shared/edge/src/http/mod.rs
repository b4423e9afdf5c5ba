//! HTTP at the inward edge: what a request carries, and what goes back.

mod keys;
mod problem;
mod query;
mod reply;
mod request_id;

pub use keys::{Access, Presented};
pub use lambda_http::http::{Method, StatusCode, header};
pub use lambda_http::{Body, Request, RequestExt, Response};
pub use problem::{FieldError, Problem};
pub use query::Query;
pub use reply::{json, problem};
pub use request_id::RequestId;
