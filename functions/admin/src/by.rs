//! The author of a change.

use jiff::Timestamp;
use penstock_domain::access::ApiKey;
use penstock_domain::audit::Action;
use penstock_edge::http::Call;
use penstock_store::audit::{Actor, Entry};

/// The author of a change, for the log and the audit log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By<'a> {
    /// The holder of an API key, or somebody who invokes the function.
    pub actor: Actor<'a>,
    /// The name of the API key, or a word for somebody who invokes the function.
    pub who: &'a str,
    /// The id of the request or of the invocation.
    pub request_id: &'a str,
    /// The network address of the caller; `None` for somebody who invokes the function.
    pub address: Option<&'a str>,
    /// The time of the request.
    pub now: Timestamp,
}

impl<'a> By<'a> {
    pub(crate) fn of(call: &'a Call<'_, ApiKey>) -> Self {
        let (who, request_id) = (call.caller.name.as_str(), call.id.as_str());
        let (actor, address) = (Actor::Key { name: who }, call.request.source_ip.as_deref());
        Self { actor, who, request_id, address, now: call.now }
    }

    /// Somebody who invokes the function.
    pub(crate) const fn invoked(who: &'a str, invocation: &'a str, now: Timestamp) -> Self {
        let (actor, address) = (Actor::Operator { name: who }, None);
        Self { actor, who, request_id: invocation, address, now }
    }

    /// The entry in the audit log about a change to `object`.
    pub(crate) const fn entry(self, action: Action, object: &'a str) -> Entry<'a> {
        let entry = Entry::new(self.actor, action, object, self.request_id, self.now);
        Entry { address: self.address, ..entry }
    }
}
