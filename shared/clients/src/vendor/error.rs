//! Why a vendor gives no reply, and with it what to do about it.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::disposition::FailureClass;

use crate::secret::SecretError;

/// Why there is no reply.
#[derive(Debug, thiserror::Error)]
pub enum VendorError {
    /// The key is refused or may not do this: configuration, not a passing fault (trap 15).
    #[error("{vendor} refuses the key with {status}: {words}")]
    Refused {
        /// The vendor.
        vendor: &'static str,
        /// 401 or 403.
        status: u16,
        /// The vendor's own words.
        words: String,
    },
    /// The vendor says that the request is wrong, or that there is no such object (404).
    #[error("{vendor} answers {status}: {words}")]
    Rejected {
        /// The vendor.
        vendor: &'static str,
        /// The status.
        status: u16,
        /// The vendor's own words.
        words: String,
    },
    /// A limit that lasts longer than an invocation, such as one a day.
    #[error("{vendor} gives no more for now: {reason}")]
    QuotaExhausted {
        /// The vendor.
        vendor: &'static str,
        /// The vendor's reason.
        reason: String,
    },
    /// The vendor no longer accepts the cursor: only a full run can tell what changed.
    #[error("{vendor} does not go on from this cursor: {reason}")]
    CursorExpired {
        /// The vendor.
        vendor: &'static str,
        /// The vendor's reason.
        reason: String,
    },
    /// The object asked for does not exist any more.
    #[error("{vendor} has no such object any more")]
    Gone {
        /// The vendor.
        vendor: &'static str,
        /// When the vendor said so.
        as_of: Timestamp,
    },
    /// The time is up. Go on after this long.
    #[error("out of time, to go on in {0:?}")]
    OutOfTime(Duration),
    /// The vendor makes us wait for longer than an invocation should. Go on after this long.
    #[error("{vendor} asks for a pause of {} s", pause.as_secs())]
    Throttled {
        /// The vendor.
        vendor: &'static str,
        /// The last pause that it asked for.
        pause: Duration,
    },
    /// The vendor fails again and again.
    #[error("{vendor} failed {attempts} times, last with: {last}")]
    Unavailable {
        /// The vendor.
        vendor: &'static str,
        /// The number of requests.
        attempts: u32,
        /// The fault of the last attempt.
        last: String,
    },
    /// The key cannot be read.
    #[error(transparent)]
    Key(#[from] SecretError),
    /// The client cannot be built, or the base URL is not a URL.
    #[error("{0}")]
    Setup(String),
}

impl VendorError {
    /// Returns the class of failures that this error is of. A refused key needs a person; a new
    /// full run makes up for a cursor that expired.
    pub fn class(&self) -> FailureClass {
        match self {
            Self::Refused { .. } | Self::Rejected { .. } | Self::Gone { .. } | Self::Setup(_) => {
                FailureClass::Permanent
            }
            Self::CursorExpired { .. } => FailureClass::Transient,
            Self::QuotaExhausted { .. }
            | Self::OutOfTime(_)
            | Self::Throttled { .. }
            | Self::Unavailable { .. }
            | Self::Key(_) => FailureClass::Dependency,
        }
    }
}
