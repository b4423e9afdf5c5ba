//! What the log keeps of a request.

use crate::simulators::faults::Fault;

/// A request that came in. Exchanges at the token endpoint are not logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The path without the query.
    pub path: String,
    /// The parameters of the query, decoded.
    pub query: Vec<(String, String)>,
    /// The reply's status; 0 while there is none, and for good when it hangs.
    pub status: u16,
    /// The fault that struck it.
    pub fault: Option<Fault>,
}

impl Request {
    /// The value of the query's parameter `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// Runs on the server's thread when its request has come in.
pub(super) type Hook = Box<dyn FnOnce() + Send>;

pub(super) type Log = crate::simulators::log::Log<Request, Hook>;
