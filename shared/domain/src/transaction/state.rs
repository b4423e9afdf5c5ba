//! The row of a transaction, as far as its fate is concerned.

use jiff::Timestamp;

/// The state of a transaction, as its client reads it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum State {
    /// Nothing was sent to the third party.
    Pending,
    /// It was sent, or may have been. The third party has not decided, as far as we know.
    Submitted,
    /// The third party has done it.
    Completed,
    /// The third party has decided against it.
    Declined,
    /// Nothing was done, for certain.
    Failed,
    /// It was given up without proof of what was done. A person decides, or the third party's own
    /// late word.
    NeedsReview,
}

impl State {
    /// All states.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Submitted,
        Self::Completed,
        Self::Declined,
        Self::Failed,
        Self::NeedsReview,
    ];

    /// Returns the word in `transactions.status` and in replies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Submitted => "submitted",
            Self::Completed => "completed",
            Self::Declined => "declined",
            Self::Failed => "failed",
            Self::NeedsReview => "needs_review",
        }
    }

    /// Reads the word in `transactions.status`; `None` if this release does not know it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|state| state.as_str() == word)
    }

    /// Returns whether nothing that happens by itself changes the state any more.
    #[must_use]
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Completed | Self::Declined | Self::Failed)
    }
}

/// Why a transaction is `failed`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Failure {
    /// The third party says that it failed.
    Theirs,
    /// The third party refused the only submission.
    Refused,
    /// It was given up, and nothing is with the third party.
    NotDone,
}

/// Our knowledge of the third party's books.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Knowledge {
    /// Nothing was ever sent, so it has nothing.
    Nothing,
    /// A submission was begun, and nothing is known of it.
    Unknown,
    /// It was asked since, and does not show the transaction. That may be too early to tell.
    NotSeen,
    /// It was asked after its lag, and does not have the transaction.
    Absent,
    /// It has said that it has the transaction.
    Known,
}

impl Knowledge {
    const ALL: [Self; 5] = [Self::Nothing, Self::Unknown, Self::NotSeen, Self::Absent, Self::Known];

    /// Returns the word in `transactions.knowledge`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Nothing => "nothing",
            Self::Unknown => "unknown",
            Self::NotSeen => "not_seen",
            Self::Absent => "absent",
            Self::Known => "known",
        }
    }

    /// Reads the word in `transactions.knowledge`; `None` if this release does not know it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|it| it.as_str() == word)
    }
}

/// The fate of a transaction so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Transaction {
    /// Its state.
    pub state: State,
    /// Why it is `failed`, if it is.
    pub failure: Option<Failure>,
    /// Our knowledge of the third party's books.
    pub knowledge: Knowledge,
    /// The number of the last submission that was begun. No number is used twice.
    pub attempt: u32,
    /// The number of submissions that may have reached the third party.
    pub submissions: u32,
    /// The instant at which the first of them was begun. The idempotency key lives from then on.
    pub first_begun_at: Option<Timestamp>,
    /// The instant at which the last one was begun.
    pub last_begun_at: Option<Timestamp>,
    /// The instant at which it is given up.
    pub deadline: Timestamp,
}

impl Transaction {
    /// Returns a transaction that has just come in.
    #[must_use]
    pub const fn new(deadline: Timestamp) -> Self {
        Self {
            state: State::Pending,
            failure: None,
            knowledge: Knowledge::Nothing,
            attempt: 0,
            submissions: 0,
            first_begun_at: None,
            last_begun_at: None,
            deadline,
        }
    }
}
