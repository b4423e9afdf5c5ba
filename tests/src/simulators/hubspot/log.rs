//! The log entry of a request.

use super::faults::Fault;
use super::state::HubSpotPortal;

/// A request that came in.
#[derive(Clone, Debug)]
pub struct Request {
    pub method: String,
    pub path: String,
    /// The query as it was sent, without `?`.
    pub query: String,
    pub body: String,
    /// The reply's status. It is 0 until there is a reply, so a request that hangs keeps it.
    pub status: u16,
    pub fault: Option<Fault>,
}

/// A hook. It changes the portal once its request has come in.
pub(super) type Hook = Box<dyn FnOnce(&mut HubSpotPortal) + Send>;

pub(super) type Log = crate::simulators::log::Log<Request, Hook>;
