//! Who changes something.

use jiff::Timestamp;
use penstock_domain::access::ApiKey;
use penstock_edge::http::Call;

/// The author of a change, for the log.
#[derive(Debug, Clone, Copy)]
pub(crate) struct By<'a> {
    /// The name of the API key, or a word for somebody who invokes the function.
    pub who: &'a str,
    /// The id of the request or of the invocation.
    pub request_id: &'a str,
    /// The time of the request.
    pub now: Timestamp,
}

impl<'a> By<'a> {
    pub(crate) fn of(call: &'a Call<'_, ApiKey>) -> Self {
        Self { who: &call.caller.name, request_id: call.id.as_str(), now: call.now }
    }
}
