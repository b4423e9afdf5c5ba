//! A transaction that a third party decides.
//!
//! The third party may time out after it has done the work, answer late, twice or never, and call
//! back before its own reply. [`RULES`] is the one table of what may happen to a transaction: the
//! code applies it, the model check walks it, and the picture in ADR 62 is drawn from it.
//!
//! Two things hold whatever the third party does, and the model check proves them: a transaction
//! is submitted once in effect, and it is `failed` only where it is certain that nothing was done.

mod guard;
mod message;
#[cfg(test)]
mod model;
pub mod notification;
mod picture;
mod rules;
mod settings;
mod spilled;
mod state;
mod step;

use std::time::Duration;

use jiff::Timestamp;

pub use guard::Guard;
pub use message::Message;
pub use picture::mermaid;
pub use rules::{RULES, Rule, Settled};
pub use settings::Settings;
pub use spilled::{NotATransaction, Spilled, SpilledCallBack, SpilledTransaction};
pub use state::{Failure, Knowledge, State, Transaction};
pub use step::{Step, after_poll};

/// Something that happens to a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Event {
    /// A submission is about to be sent. This is committed before anything is sent, so that a
    /// crash leaves a transaction of which nobody claims to know that it was not sent.
    Begun,
    /// The third party has said how the transaction stands: in a reply to a submission or to a
    /// question, or in a call-back.
    Said(Standing),
    /// The third party refused a submission: it says that it did nothing and will do nothing.
    Refused {
        /// The submission, counted from 1.
        attempt: u32,
    },
    /// A submission certainly did not reach the third party's books: no connection could be made,
    /// or it was answered with 429.
    Unsent {
        /// The submission, counted from 1.
        attempt: u32,
    },
    /// The third party was asked, and does not know the transaction.
    NotFound {
        /// The instant before the question was sent.
        asked: Timestamp,
    },
    /// It is given up.
    GivenUp,
    /// A person has decided that it goes on.
    Resumed {
        /// The instant at which it is given up again.
        deadline: Timestamp,
    },
}

/// The third party's word on a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Standing {
    /// It has it, and has not decided.
    Undecided,
    /// It has done it.
    Completed,
    /// It has decided against it.
    Declined,
    /// It has tried, and could not do it.
    Failed,
}

impl Standing {
    /// Returns the word in `transaction_conflicts.said`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Undecided => "undecided",
            Self::Completed => "completed",
            Self::Declined => "declined",
            Self::Failed => "failed",
        }
    }
}

/// The terms of a third party, and how patient we are with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Profile {
    /// Submissions that may have reached it, at most.
    pub most_submissions: u32,
    /// How long it remembers an idempotency key, at least. After that a submission with the same
    /// key may be done a second time.
    pub key_lifetime: Duration,
    /// How long after a submission was begun it may still reach the third party.
    pub request_lives: Duration,
    /// How long after a submission was begun it may still not show in its replies. A 404 proves
    /// nothing before that. It is longer than `request_lives`.
    pub visibility_lag: Duration,
    /// The pause between the first submission and the second. Later ones double.
    pub resubmit_after: Duration,
    /// The pause before the first question. Later ones double, with full jitter.
    pub first_poll: Duration,
    /// The longest pause between two questions.
    pub longest_poll: Duration,
}

impl Default for Profile {
    fn default() -> Self {
        Self {
            most_submissions: 3,
            key_lifetime: Duration::from_secs(24 * 60 * 60),
            request_lives: Duration::from_secs(60),
            visibility_lag: Duration::from_secs(5 * 60),
            resubmit_after: Duration::from_secs(120),
            first_poll: Duration::from_millis(200),
            longest_poll: Duration::from_secs(15 * 60),
        }
    }
}

/// How long a transaction is worked on before it is given up, unless configured otherwise.
pub const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);
