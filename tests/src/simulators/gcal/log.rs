//! The log entry of a request.

use crate::simulators::faults::Fault;

/// A request that came in. Exchanges at the token endpoint are not logged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    pub path: String,
    /// The query's parameters, decoded.
    pub query: Vec<(String, String)>,
    /// The reply's status. It is 0 until there is a reply, so a request that hangs keeps it.
    pub status: u16,
    pub fault: Option<Fault>,
}

impl Request {
    /// Returns the value of the query's parameter `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A hook. It runs on the server's thread once its request has come in.
pub(super) type Hook = Box<dyn FnOnce() + Send>;

pub(super) type Log = crate::simulators::log::Log<Request, Hook>;
