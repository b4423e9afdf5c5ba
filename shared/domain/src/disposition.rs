//! What becomes of a piece of work: a value, decided by pure code.

use std::time::Duration;

/// The outcome of one row's processing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// The effect is committed.
    Done,
    /// Circumstances are to blame: again after this long.
    Retry(Duration),
    /// The row is to blame: never again until somebody replays it.
    Dead(Reason),
}

/// Why a row is dead, for the person who reads the dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// A word to filter by.
    pub kind: ReasonKind,
    /// The exact reason, the place included.
    pub detail: String,
}

/// What kind of reason it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReasonKind {
    /// The payload cannot be read as what it says it is.
    Malformed,
    /// The payload can be read but violates the model.
    Invalid,
    /// Postgres refuses the values.
    Refused,
    /// Our code panicked on it.
    Panicked,
    /// The process died on it, each time.
    Crashed,
    /// A queue message that nobody understands.
    MalformedTicket,
    /// A request to fetch that failed each time.
    FetchFailed,
}

impl ReasonKind {
    /// The word as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Invalid => "invalid",
            Self::Refused => "refused",
            Self::Panicked => "panicked",
            Self::Crashed => "crashed",
            Self::MalformedTicket => "malformed_ticket",
            Self::FetchFailed => "fetch_failed",
        }
    }
}

impl Reason {
    /// A reason of `kind`.
    pub fn new(kind: ReasonKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// The process died on the row alone, [`MAX_CRASHES`] times.
    pub fn crashed() -> Self {
        let detail =
            format!("the process died while it worked on this row alone, {MAX_CRASHES} times");
        Self::new(ReasonKind::Crashed, detail)
    }
}

/// After the process died this many times on one row alone, the row is dead.
///
/// With the two receives that work the batch as a whole this is the queue's `maxReceiveCount` of 5, so
/// the verdict falls in `process` or, at the latest, in `bury`.
pub const MAX_CRASHES: i32 = 2;
