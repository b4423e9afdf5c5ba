//! The log entry of a request.

use crate::simulators::faults::Fault;

/// A request that came in. Control requests under `/_sim` are not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The request's number, from 1.
    pub number: u64,
    /// The HTTP method, usually `GET`.
    pub method: String,
    pub path: String,
    /// The query as it was sent, without `?`; empty if there is none.
    pub query: String,
    pub stripe_version: Option<String>,
    pub user_agent: Option<String>,
    pub idempotency_key: Option<String>,
    /// Whether the request had an `Authorization` header.
    pub authorized: bool,
    /// The account's time at the arrival, Unix seconds.
    pub at: i64,
    pub fault: Option<Fault>,
    /// The reply's status. It is 0 until there is a reply, so a request that hangs keeps it.
    pub status: u16,
}

/// A hook. It runs on the server's thread once its request has come in.
pub(crate) type Hook = Box<dyn FnOnce() + Send>;

pub(crate) type Log = crate::simulators::log::Log<Request, Hook>;
