//! What the log keeps of a request.

use crate::simulators::faults::Fault;

/// A request that came in. Control requests under `/_sim` are not counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// Its number, from 1.
    pub number: u64,
    /// `GET`, as a rule.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query as it was sent, without `?`; empty without one.
    pub query: String,
    /// `Stripe-Version`.
    pub stripe_version: Option<String>,
    /// `User-Agent`.
    pub user_agent: Option<String>,
    /// `Idempotency-Key`.
    pub idempotency_key: Option<String>,
    /// Whether an `Authorization` came with it.
    pub authorized: bool,
    /// The account's time when it came, Unix seconds.
    pub at: i64,
    /// What went wrong on command.
    pub fault: Option<Fault>,
    /// The reply's status; 0 while there is none, and for good when it hangs.
    pub status: u16,
}

/// Runs on the server's thread when its request has come in.
pub(crate) type Hook = Box<dyn FnOnce() + Send>;

pub(crate) type Log = crate::simulators::log::Log<Request, Hook>;
