//! Failures over HTTP: a list by page and by cause, and one row with all that is known of it.

mod causes;
mod failed;
mod filter;
mod one;
mod payload;

use penstock_domain::disposition::ReasonKind;

#[cfg(feature = "contract")]
pub(crate) use causes::CausesReply;
pub(crate) use failed::list;
#[cfg(feature = "contract")]
pub(crate) use failed::{DEFAULT_LIMIT, FailedReply, MOST, MOST_PAGES};
#[cfg(feature = "contract")]
pub(crate) use filter::LONGEST;
pub(crate) use filter::{Asked, text_faults};
#[cfg(feature = "contract")]
pub(crate) use one::EventReply;
pub(crate) use one::{find, id};

/// The kinds of reasons, for the contract and for callers who ask for another.
pub(crate) fn error_kinds() -> [&'static str; ReasonKind::ALL.len()] {
    ReasonKind::ALL.map(ReasonKind::as_str)
}
