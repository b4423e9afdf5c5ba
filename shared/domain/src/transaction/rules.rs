//! The table of what may happen to a transaction, and its application.

use jiff::Timestamp;

use super::{Event, Failure, Guard, Knowledge, Profile, Standing, State, Transaction};

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Rule {
    /// The states in which it applies.
    pub from: &'static [State],
    /// The kind of event.
    pub on: On,
    /// Its conditions. The first rule whose conditions all hold applies.
    pub when: &'static [Guard],
    /// The state afterwards.
    pub to: State,
    /// The knowledge afterwards; `None` if it stays.
    pub knows: Option<Knowledge>,
}

/// A kind of event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum On {
    /// [`Event::Begun`].
    Begun,
    /// [`Event::Said`], with this word.
    Said(Standing),
    /// [`Event::Refused`].
    Refused,
    /// [`Event::Unsent`].
    Unsent,
    /// [`Event::NotFound`].
    NotFound,
    /// [`Event::GivenUp`].
    GivenUp,
    /// [`Event::Resumed`].
    Resumed,
}

impl On {
    const fn of(event: &Event) -> Self {
        match event {
            Event::Begun => Self::Begun,
            Event::Said(standing) => Self::Said(*standing),
            Event::Refused { .. } => Self::Refused,
            Event::Unsent { .. } => Self::Unsent,
            Event::NotFound { .. } => Self::NotFound,
            Event::GivenUp => Self::GivenUp,
            Event::Resumed { .. } => Self::Resumed,
        }
    }

    /// Returns the words of the picture.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Begun => "submission begun",
            Self::Said(Standing::Undecided) => "third party: undecided",
            Self::Said(Standing::Completed) => "third party: completed",
            Self::Said(Standing::Declined) => "third party: declined",
            Self::Said(Standing::Failed) => "third party: failed",
            Self::Refused => "refused",
            Self::Unsent => "not sent",
            Self::NotFound => "not found",
            Self::GivenUp => "given up",
            Self::Resumed => "resumed by a person",
        }
    }
}

/// States in which the third party's word is news. Its word beats a person's doubt, and a
/// call-back may come before the reply to the submission that caused it.
const OPEN: &[State] = &[State::Pending, State::Submitted, State::NeedsReview];

/// The states of work that goes on by itself.
const AT_WORK: &[State] = &[State::Pending, State::Submitted];

/// Everything that may happen to a transaction. What no rule allows changes nothing.
pub const RULES: &[Rule] = &[
    Rule {
        from: AT_WORK,
        on: On::Begun,
        when: &[Guard::FewSubmissions, Guard::KeyLives, Guard::Asked],
        to: State::Submitted,
        knows: Some(Knowledge::Unknown),
    },
    Rule {
        from: &[State::Submitted],
        on: On::Unsent,
        when: &[Guard::LastAttempt, Guard::OnlySubmission],
        to: State::Pending,
        knows: Some(Knowledge::Nothing),
    },
    Rule {
        from: &[State::Submitted],
        on: On::Unsent,
        when: &[Guard::LastAttempt],
        to: State::Submitted,
        knows: Some(Knowledge::NotSeen),
    },
    Rule {
        from: &[State::Submitted],
        on: On::Refused,
        when: &[Guard::LastAttempt, Guard::OnlySubmission],
        to: State::Failed,
        knows: None,
    },
    Rule {
        from: &[State::Submitted],
        on: On::NotFound,
        when: &[Guard::InDoubt, Guard::LagPassed],
        to: State::Submitted,
        knows: Some(Knowledge::Absent),
    },
    Rule {
        from: &[State::Submitted],
        on: On::NotFound,
        when: &[Guard::InDoubt, Guard::AskedSince],
        to: State::Submitted,
        knows: Some(Knowledge::NotSeen),
    },
    Rule {
        from: AT_WORK,
        on: On::Said(Standing::Undecided),
        when: &[],
        to: State::Submitted,
        knows: Some(Knowledge::Known),
    },
    said(Standing::Completed, State::Completed),
    said(Standing::Declined, State::Declined),
    said(Standing::Failed, State::Failed),
    Rule {
        from: AT_WORK,
        on: On::GivenUp,
        when: &[Guard::DeadlinePassed, Guard::NothingDone],
        to: State::Failed,
        knows: None,
    },
    Rule {
        from: AT_WORK,
        on: On::GivenUp,
        when: &[Guard::DeadlinePassed],
        to: State::NeedsReview,
        knows: None,
    },
    Rule {
        from: &[State::Failed, State::NeedsReview],
        on: On::Resumed,
        when: &[Guard::WasGivenUp, Guard::NothingSent],
        to: State::Pending,
        knows: None,
    },
    Rule {
        from: &[State::Failed, State::NeedsReview],
        on: On::Resumed,
        when: &[Guard::WasGivenUp],
        to: State::Submitted,
        knows: None,
    },
];

/// The third party's final word.
const fn said(standing: Standing, to: State) -> Rule {
    Rule { from: OPEN, on: On::Said(standing), when: &[], to, knows: Some(Knowledge::Known) }
}

/// The effect of an event on a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    /// It stands like this now.
    Changed(Transaction),
    /// Nothing is new.
    Unchanged,
    /// The third party contradicts what is final. It is recorded for a person, and not applied.
    Contradicted,
}

impl Transaction {
    /// Applies the first rule that allows the event.
    #[must_use]
    pub fn after(&self, event: &Event, now: Timestamp, profile: &Profile) -> Settled {
        self.after_under(RULES, event, now, |guard| guard.holds(self, event, now, profile))
    }

    /// The same under other rules or guards, for the model check that takes one away.
    pub(super) fn after_under(
        &self,
        rules: &[Rule],
        event: &Event,
        now: Timestamp,
        holds: impl Fn(Guard) -> bool,
    ) -> Settled {
        let on = On::of(event);
        let rule = rules.iter().find(|rule| {
            rule.on == on
                && rule.from.contains(&self.state)
                && rule.when.iter().all(|guard| holds(*guard))
        });
        match rule {
            Some(rule) => match self.by(rule, event, now) {
                after if after == *self => Settled::Unchanged,
                after => Settled::Changed(after),
            },
            None if self.is_contradicted_by(event) => Settled::Contradicted,
            None => Settled::Unchanged,
        }
    }

    /// Returns the transaction after a rule was applied.
    fn by(&self, rule: &Rule, event: &Event, now: Timestamp) -> Self {
        let mut after = Self {
            state: rule.to,
            knowledge: rule.knows.unwrap_or(self.knowledge),
            failure: failure(rule),
            ..*self
        };
        match event {
            Event::Begun => {
                after.attempt += 1;
                after.submissions += 1;
                after.first_begun_at = self.first_begun_at.or(Some(now));
                after.last_begun_at = Some(now);
            }
            Event::Unsent { .. } => {
                after.submissions = self.submissions.saturating_sub(1);
                if after.submissions == 0 {
                    after.first_begun_at = None;
                }
            }
            Event::Resumed { deadline } => after.deadline = *deadline,
            Event::Said(_) | Event::Refused { .. } | Event::NotFound { .. } | Event::GivenUp => {}
        }
        after
    }

    /// Returns whether the third party says what cannot be true if the final state is. A word that
    /// it was undecided is only late, unless nothing is supposed to be with it.
    fn is_contradicted_by(&self, event: &Event) -> bool {
        let Event::Said(standing) = event else { return false };
        let agrees = match self.state {
            State::Completed => matches!(standing, Standing::Completed | Standing::Undecided),
            State::Declined => matches!(standing, Standing::Declined | Standing::Undecided),
            State::Failed => match self.failure {
                Some(Failure::Theirs) => {
                    matches!(standing, Standing::Failed | Standing::Undecided)
                }
                _ => matches!(standing, Standing::Failed),
            },
            State::Pending | State::Submitted | State::NeedsReview => true,
        };
        !agrees
    }
}

/// Returns why a transaction is failed after a rule, if it is.
const fn failure(rule: &Rule) -> Option<Failure> {
    match (rule.to, rule.on) {
        (State::Failed, On::Said(_)) => Some(Failure::Theirs),
        (State::Failed, On::Refused) => Some(Failure::Refused),
        (State::Failed, _) => Some(Failure::NotDone),
        _ => None,
    }
}
