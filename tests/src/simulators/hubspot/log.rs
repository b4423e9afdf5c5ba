//! What the log keeps of a request.

use super::faults::Fault;
use super::state::HubSpotPortal;

/// A request that came in.
#[derive(Clone, Debug)]
pub struct Request {
    /// GET or POST.
    pub method: String,
    /// The path without the query.
    pub path: String,
    /// The query as it was sent, without `?`.
    pub query: String,
    /// The body as text.
    pub body: String,
    /// The reply's status; 0 while there is none, and for good when it hangs.
    pub status: u16,
    /// The fault that struck it.
    pub fault: Option<Fault>,
}

/// Changes the portal when its request has come in.
pub(super) type Hook = Box<dyn FnOnce(&mut HubSpotPortal) + Send>;

pub(super) type Log = crate::simulators::log::Log<Request, Hook>;
