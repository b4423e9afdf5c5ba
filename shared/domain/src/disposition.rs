//! The outcome of a piece of work is a value that pure code decides.

use std::time::Duration;

use serde::Deserialize;

use crate::json;

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
    /// The field to blame, if one is, as a JSON pointer into the payload (RFC 6901).
    pub field: Option<String>,
}

/// Which remedy a failure needs. A person mends the first, and time the other two.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FailureClass {
    /// The same input fails again until it, a map or the code is changed.
    Permanent,
    /// Postgres was busy or locked, or another transaction was in the way. The next try may work.
    Transient,
    /// A service that the work needs is away, throttles or refuses. No attempt is used up.
    Dependency,
}

impl FailureClass {
    /// All classes.
    pub const ALL: [Self; 3] = [Self::Permanent, Self::Transient, Self::Dependency];

    /// Returns the word in columns and replies.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Permanent => "permanent",
            Self::Transient => "transient",
            Self::Dependency => "dependency",
        }
    }
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
    /// The row waits until it is known whose it is: the vendor has not said.
    Waiting,
    /// Postgres ended the statement, or collided with another transaction, each time.
    Blocked,
}

impl ReasonKind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::Malformed,
        Self::Invalid,
        Self::Refused,
        Self::Panicked,
        Self::Crashed,
        Self::MalformedTicket,
        Self::FetchFailed,
        Self::Waiting,
        Self::Blocked,
    ];

    /// Returns the class of failures of this kind. The SQL function `failure_class` agrees.
    pub const fn class(self) -> FailureClass {
        match self {
            Self::Malformed
            | Self::Invalid
            | Self::Refused
            | Self::Panicked
            | Self::Crashed
            | Self::MalformedTicket => FailureClass::Permanent,
            Self::Blocked => FailureClass::Transient,
            Self::FetchFailed | Self::Waiting => FailureClass::Dependency,
        }
    }

    /// Returns the word in `error_kind` of `outbox` and `dead_letters`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Invalid => "invalid",
            Self::Refused => "refused",
            Self::Panicked => "panicked",
            Self::Crashed => "crashed",
            Self::MalformedTicket => "malformed_ticket",
            Self::FetchFailed => "fetch_failed",
            Self::Waiting => "waiting",
            Self::Blocked => "blocked",
        }
    }
}

impl Reason {
    /// Creates a reason of `kind`.
    pub fn new(kind: ReasonKind, detail: impl Into<String>) -> Self {
        Self { kind, detail: detail.into(), field: None }
    }

    /// Returns the same reason, which blames a field by its JSON pointer.
    #[must_use]
    pub fn at(self, field: impl Into<String>) -> Self {
        Self { field: Some(field.into()), ..self }
    }

    /// Returns the reason why a JSON text is not a `T`. The text is read once more to find the
    /// field, since that takes longer than reading it.
    pub fn malformed<'a, T: Deserialize<'a>>(json: &'a [u8], error: &serde_json::Error) -> Self {
        let reason = Self::new(ReasonKind::Malformed, error.to_string());
        Self { field: json::field_of::<T>(json), ..reason }
    }

    /// Returns the same reason of a payload in which what was read lies at `place`, a JSON pointer.
    #[must_use]
    pub fn within(self, place: &str) -> Self {
        Self { field: self.field.map(|field| format!("{place}{field}")), ..self }
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
