//! The outcome of a piece of work is a value that pure code decides.

use std::time::Duration;

/// The outcome of one row's processing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Disposition {
    /// The effect is committed.
    Done,
    /// Circumstances are to blame: try again after this time.
    Retry(Duration),
    /// The row is to blame: it waits until an operator replays it.
    Dead(Reason),
}

/// The reason why a row is dead, for the person who reads the dead letter.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reason {
    /// Groups reasons that are mended alike.
    pub kind: ReasonKind,
    /// The exact reason, with the place in the payload.
    pub detail: String,
}

/// The kind of a reason, by which operators filter.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum ReasonKind {
    /// The payload is not of the shape that its entity has.
    Malformed,
    /// The payload can be read but violates the model.
    Invalid,
    /// Postgres refuses the values.
    Refused,
    /// Our code panicked on it.
    Panicked,
    /// The process died on the row alone, each time.
    Crashed,
    /// A queue message is of no known form.
    MalformedTicket,
    /// A fetch request failed each time.
    FetchFailed,
}

impl ReasonKind {
    /// All kinds.
    pub const ALL: [Self; 7] = [
        Self::Malformed,
        Self::Invalid,
        Self::Refused,
        Self::Panicked,
        Self::Crashed,
        Self::MalformedTicket,
        Self::FetchFailed,
    ];

    /// Returns the word in `dead_letters.error_kind`.
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
    /// Creates a reason of `kind`.
    pub fn new(kind: ReasonKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into() }
    }

    /// Returns the reason of a row on which alone the process died [`MAX_CRASHES`] times.
    pub fn crashed() -> Self {
        let detail =
            format!("the process died while it worked on this row alone, {MAX_CRASHES} times");
        Self::new(ReasonKind::Crashed, detail)
    }

    /// Returns the reason of a row at which [`MAX_ATTEMPTS`] attempts did not end.
    pub fn unended() -> Self {
        let detail = format!("{MAX_ATTEMPTS} attempts at this row did not end");
        Self::new(ReasonKind::Crashed, detail)
    }
}

/// The error of an attempt that was not taken back: its process was ended, or died.
pub const NOT_ENDED: &str = "an attempt at this row did not end";

/// A row is dead after a process is known to have died this many times on it alone.
///
/// Two receives work the batch as a whole. Together that stays within the queue's
/// `maxReceiveCount` of 5. Rows that do not come so far within it get a new ticket from `relay`.
pub const MAX_CRASHES: i16 = 2;

/// A row of which processes died this often becomes dead without a mark on its object.
///
/// A process may die of the letter with the mark of its object, too: as often as of the row.
pub const MAX_CRASHES_OF_ALL: i16 = 2 * MAX_CRASHES;

/// A row is dead after this many attempts that did not end, though no death is known.
///
/// It is the bound where notes of deaths are lost: with their environments, or for want of room.
/// Innocent rows get their attempts back, also after an outage. An attempt is lost only if its
/// environment is discarded before, and 50 of them for one row are more than an outage discards.
pub const MAX_ATTEMPTS: i32 = 50;

/// A row at which this many attempts did not end becomes dead without a mark on its object.
pub const MAX_ATTEMPTS_OF_ALL: i32 = 2 * MAX_ATTEMPTS;
