//! What a request says of its signature.

use jiff::Timestamp;

use super::mac::Encoding;

/// How old a signature may be, in seconds.
pub const TOLERANCE_SECONDS: i64 = 300;

/// What a request says of its signature, read from its headers by the vendor's rules. The body is
/// always part of what was signed: a vendor's rules say only what stands before and after it.
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
    /// When they were made; `None` where the vendor signs no time. A request that is sent again is
    /// then told by its version key alone.
    pub signed_at: Option<SignedAt>,
}

/// When a request was signed, in the unit of its header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SignedAt {
    /// Unix seconds. A time in the future passes.
    Seconds(i64),
    /// Unix milliseconds. A time in the future passes for [`TOLERANCE_SECONDS`].
    Milliseconds(i64),
}

impl SignedAt {
    /// Whether a signature of that time is taken at `now`.
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
