//! How long a session lasts.

use std::time::Duration;

use jiff::Timestamp;

use crate::clock::later;

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// A session that is remembered lasts this long after it was made or renewed.
pub const LASTS: Duration = DAY.saturating_mul(7);

/// A session that is not remembered lasts this long, and is never renewed.
pub const LASTS_UNREMEMBERED: Duration = DAY;

/// A session is renewed by a request this long after it was made or renewed.
pub const RENEWED_AFTER: Duration = DAY;

/// Returns when a session ends that begins or is renewed `now`.
#[must_use]
pub fn expires_at(now: Timestamp, remembered: bool) -> Timestamp {
    later(now, if remembered { LASTS } else { LASTS_UNREMEMBERED })
}
