//! HTTP at the inward edge: what a request carries, and what goes back.

mod idempotency;
mod keys;
mod problem;
mod query;
mod reply;
mod request;
mod request_id;

pub use http::{Method, StatusCode};
pub use idempotency::idempotency_key;
pub use keys::{Access, Presented};
#[cfg(feature = "contract")]
pub(crate) use problem::ProblemBody;
pub use problem::{FieldError, Problem};
pub use query::Query;
pub use reply::{Document, Reply};
pub use request::Request;
pub use request_id::RequestId;
