//! The rows of the audit log that the console writes.

use penstock_domain::audit::Action;
use penstock_edge::http::Call;
use penstock_store::audit::{Actor, Entry};

use crate::Visitor;

/// The row of a change that the visitor makes.
pub(super) fn entry<'a>(call: &'a Call<'_, Visitor>, action: Action, object: &'a str) -> Entry<'a> {
    let session = &call.caller.session;
    let actor = Actor::User { id: session.user_id, email: &session.email };
    let entry = Entry::new(actor, action, object, call.id.as_str(), call.now);
    Entry { address: call.request.source_ip.as_deref(), ..entry }
}
