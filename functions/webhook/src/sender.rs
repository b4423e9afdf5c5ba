//! A request whose sender is not known.

use penstock_clients::signing::Unverified;
use penstock_edge::http::{Failure, Problem};

use crate::RETRY_AFTER;

/// Returns the reply. A secret that cannot be had is never a 400: the vendor would take it for a
/// forgery and give up.
pub(crate) fn not_verified(unverified: Unverified) -> Failure {
    match unverified {
        Unverified::Signature(error) => Failure::unverified(error),
        other => Failure::from(Problem::unavailable(RETRY_AFTER)).because(other),
    }
}
