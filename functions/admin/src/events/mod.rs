//! Failures over HTTP: a list by page and by cause, and one row with all that is known of it.

mod causes;
mod failed;
mod filter;
mod one;
mod payload;

use std::sync::OnceLock;

#[cfg(feature = "contract")]
pub(crate) use causes::CausesReply;
pub(crate) use failed::list;
#[cfg(feature = "contract")]
pub(crate) use failed::{DEFAULT_LIMIT, FailedReply, MOST, MOST_PAGES};
pub(crate) use filter::{Asked, LONGEST};
#[cfg(feature = "contract")]
pub(crate) use one::EventReply;
pub(crate) use one::{find, id};
pub use payload::Redactions;

/// The kinds of reasons, for the contract and for callers who ask for another.
pub(crate) fn error_kinds() -> &'static [&'static str] {
    static KINDS: OnceLock<Vec<&str>> = OnceLock::new();
    KINDS.get_or_init(|| {
        penstock_domain::disposition::ReasonKind::ALL.iter().map(|kind| kind.as_str()).collect()
    })
}
