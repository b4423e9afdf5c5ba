//! HTTP at the inward edge: one shell around a table of routes, requests in, replies out.

mod call;
mod cookie;
mod credentials;
mod cursor;
mod document;
mod failure;
mod idempotency;
mod mounting;
mod problem;
mod query;
mod reply;
mod request;
mod request_id;
mod route_info;
mod runtime;
mod service;
pub mod session;

pub use call::Call;
pub use cookie::{InvalidCookie, SetCookie};
pub use credentials::presented_key;
pub use cursor::Cursor;
pub use document::Document;
pub use failure::{Failure, RETRY_AFTER};
pub use http::{HeaderMap, HeaderValue, Method, StatusCode, header};
pub use idempotency::{any_idempotency_key, idempotency_key};
pub use mounting::Misplaced;
pub use penstock_domain::access::Need;
#[cfg(feature = "contract")]
pub(crate) use problem::ProblemBody;
pub use problem::{FieldError, Problem};
pub use query::Query;
pub use reply::{NEXT_CURSOR, Reply};
pub use request::Request;
pub use request_id::RequestId;
pub use route_info::RouteInfo;
pub use runtime::{Answered, InvokeError, answer, run};
pub use service::{
    Answer, AnswerFn, Answering, CORS_REPLY_HEADERS, CORS_REQUEST_HEADERS, Route, Service, routes,
};
