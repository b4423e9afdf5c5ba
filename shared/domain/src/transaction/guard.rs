//! The conditions of the rules. Each is needed: the model check fails without any one of them.

use std::time::Duration;

use jiff::Timestamp;

use super::{Event, Failure, Knowledge, Profile, Transaction};

/// A condition of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Guard {
    /// Fewer submissions may have reached the third party than it may get.
    FewSubmissions,
    /// The third party still remembers the idempotency key when a submission arrives, so that it is
    /// not done a second time.
    KeyLives,
    /// The third party was asked since the last submission, and showed nothing; or nothing was
    /// ever sent.
    Asked,
    /// It is the only submission that may have reached the third party.
    OnlySubmission,
    /// The reply is to the last submission, of which nothing better is known.
    LastAttempt,
    /// The third party has never said that it has the transaction.
    InDoubt,
    /// The question was asked after the last submission was begun.
    AskedSince,
    /// The question was asked so late that the last submission would have shown.
    LagPassed,
    /// The time is over.
    DeadlinePassed,
    /// It is certain that the third party has nothing.
    NothingDone,
    /// No submission may have reached the third party.
    NothingSent,
    /// It was given up, and not decided by the third party.
    WasGivenUp,
}

impl Guard {
    /// All guards.
    pub const ALL: [Self; 12] = [
        Self::FewSubmissions,
        Self::KeyLives,
        Self::Asked,
        Self::OnlySubmission,
        Self::LastAttempt,
        Self::InDoubt,
        Self::AskedSince,
        Self::LagPassed,
        Self::DeadlinePassed,
        Self::NothingDone,
        Self::NothingSent,
        Self::WasGivenUp,
    ];

    /// Returns the words of the picture.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::FewSubmissions => "few submissions",
            Self::KeyLives => "key lives",
            Self::Asked => "asked before",
            Self::OnlySubmission => "only submission",
            Self::LastAttempt => "last submission",
            Self::InDoubt => "in doubt",
            Self::AskedSince => "asked since",
            Self::LagPassed => "lag passed",
            Self::DeadlinePassed => "deadline passed",
            Self::NothingDone => "nothing done",
            Self::NothingSent => "nothing sent",
            Self::WasGivenUp => "was given up",
        }
    }

    /// Returns whether the condition holds for an event at this instant.
    pub(super) fn holds(
        self,
        of: &Transaction,
        event: &Event,
        now: Timestamp,
        profile: &Profile,
    ) -> bool {
        match self {
            Self::FewSubmissions => of.submissions < profile.most_submissions,
            Self::KeyLives => {
                let arrives = after(now, profile.request_lives);
                of.first_begun_at.is_none_or(|first| arrives < after(first, profile.key_lifetime))
            }
            Self::Asked => {
                matches!(of.knowledge, Knowledge::Nothing | Knowledge::NotSeen | Knowledge::Absent)
            }
            Self::OnlySubmission => of.submissions == 1,
            Self::LastAttempt => {
                attempt_of(event) == Some(of.attempt)
                    && matches!(of.knowledge, Knowledge::Unknown | Knowledge::NotSeen)
            }
            Self::InDoubt => matches!(of.knowledge, Knowledge::Unknown | Knowledge::NotSeen),
            Self::AskedSince => asked_after(of, event, Duration::ZERO),
            Self::LagPassed => asked_after(of, event, profile.visibility_lag),
            Self::DeadlinePassed => now >= of.deadline,
            Self::NothingDone => matches!(of.knowledge, Knowledge::Nothing | Knowledge::Absent),
            Self::NothingSent => of.submissions == 0,
            Self::WasGivenUp => matches!(of.failure, None | Some(Failure::NotDone)),
        }
    }
}

/// Returns whether the question was sent this long after the last submission was begun, or later.
fn asked_after(of: &Transaction, event: &Event, pause: Duration) -> bool {
    match (event, of.last_begun_at) {
        (Event::NotFound { asked }, Some(begun)) => *asked >= after(begun, pause),
        _ => false,
    }
}

const fn attempt_of(event: &Event) -> Option<u32> {
    match event {
        Event::Refused { attempt } | Event::Unsent { attempt } => Some(*attempt),
        _ => None,
    }
}

/// Returns the instant after a pause; the last instant there is, if the pause leads beyond it.
pub(super) fn after(at: Timestamp, pause: Duration) -> Timestamp {
    at.checked_add(pause).unwrap_or(Timestamp::MAX)
}
