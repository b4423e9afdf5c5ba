//! Text from outside, as a text column and its index take it.

/// Characters at most of an id or an Idempotency-Key that a client of ours sends.
pub const LONGEST_ID: usize = 255;

/// Characters at most of a vendor's id or status in an indexed column. A Postgres index refuses
/// entries longer than about 2,700 bytes.
pub const LONGEST_INDEXED: usize = 255;

/// Characters at most of a lead's status or assignee.
pub const LONGEST_LEAD_FIELD: usize = 100;

/// Bytes at most of an API key. A longer one is neither registered nor looked up.
pub const LONGEST_API_KEY: usize = 512;

/// Replaces each NUL by the visible symbol U+2400, because a text column refuses NUL.
pub fn printable(text: &str) -> String {
    text.replace('\0', "\u{2400}")
}
