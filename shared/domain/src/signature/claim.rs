//! The claim of a request about its signature.

use jiff::Timestamp;

use super::mac::Encoding;

/// The greatest age of a signature, in seconds.
pub const TOLERANCE_SECONDS: i64 = 300;

/// The claim of a request about its signature, read from its headers by the vendor's rules. The
/// body is always part of the signed text: the rules say only what comes before and after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Claim<'r> {
    /// Signed before the body.
    pub before: String,
    /// Signed after the body.
    pub after: &'r str,
    /// The signatures, one of which must match.
    pub signatures: Vec<&'r str>,
    /// How they are written.
    pub encoding: Encoding,
    /// The time of signing; `None` if the vendor signs no time. Then only the version key
    /// recognizes a request that is sent again.
    pub signed_at: Option<SignedAt>,
}

/// The time of signing, in the unit of the vendor's header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedAt {
    /// Unix seconds. A time in the future passes.
    Seconds(i64),
    /// Unix milliseconds. A time in the future passes for [`TOLERANCE_SECONDS`].
    Milliseconds(i64),
}

impl SignedAt {
    /// Returns whether a signature of that time is accepted at `now`.
    pub(super) fn is_good(self, now: Timestamp) -> bool {
        match self {
            Self::Seconds(time) => now.as_second().saturating_sub(time) <= TOLERANCE_SECONDS,
            Self::Milliseconds(time) => {
                let age = now.as_millisecond().saturating_sub(time);
                age.saturating_abs() <= TOLERANCE_SECONDS * 1_000
            }
        }
    }
}
