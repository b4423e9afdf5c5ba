//! An event, applied to a transaction as it stands when it is applied.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::clock::later;
use penstock_domain::transaction::{Event, Profile, Settings, Settled, State, Transaction};
use tokio_postgres::GenericClient;
use uuid::Uuid;

use super::{Cause, Move, Stored, advance, find, note_conflict};
use crate::StoreError;

/// Something that has happened to a transaction.
#[derive(Debug, Clone)]
pub struct Happening<'a> {
    /// The event; `None` if nothing new is known.
    pub event: Option<Event>,
    /// How it came.
    pub cause: Cause,
    /// The last word about the transaction.
    pub reason: Option<&'a str>,
    /// The submission that ends by it, with the outcome.
    pub ends: Option<(u32, &'a str)>,
    /// The questions since the last submission, if it changes them.
    pub polls: Option<u32>,
    /// The time of the next step, while the transaction is worked on.
    pub next: Next,
}

/// The time of the next step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// It stays as it is.
    Kept,
    /// This one.
    At(Timestamp),
    /// As the table of states has it after so many questions, and not before.
    Due {
        /// The questions since the last submission.
        polls: u32,
        /// The point of the jitter, over the whole range of u32.
        random: u32,
        /// The pause that the third party asks for.
        pause: Duration,
    },
}

impl Next {
    fn at(self, fate: &Transaction, now: Timestamp, profile: &Profile) -> Option<Timestamp> {
        match self {
            Self::Kept => None,
            Self::At(at) => Some(at),
            Self::Due { polls, random, pause } => {
                let due = fate.due_at(polls, random, now, profile);
                Some(due.max(later(now, pause)).min(fate.deadline))
            }
        }
    }
}

impl Happening<'_> {
    /// Creates an event that changes nothing beside the state.
    #[must_use]
    pub const fn new(event: Event, cause: Cause) -> Self {
        Self { event: Some(event), ..Self::none(cause) }
    }

    /// Creates a happening of which nothing new is known.
    #[must_use]
    pub const fn none(cause: Cause) -> Self {
        Self { event: None, cause, reason: None, ends: None, polls: None, next: Next::Kept }
    }
}

/// The effect of an event.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Applied {
    /// The transaction stands like this now. The message to its client has this id, if there is
    /// one.
    Moved(Stored, Option<Uuid>),
    /// It changes nothing.
    Unchanged(Stored),
    /// The third party contradicts a final state. The word is kept for a person.
    Contradicted(Stored),
    /// The transaction is gone.
    Gone,
}

/// Applies an event to a transaction. If somebody else changes it meanwhile, the event is applied
/// to what they have left.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn apply(
    on: &impl GenericClient,
    settings: &Settings,
    from: Stored,
    happening: &Happening<'_>,
    now: Timestamp,
) -> Result<Applied, StoreError> {
    let claimed = from.next_action_at;
    let mut from = from;
    loop {
        let id = from.id;
        let settled = happening
            .event
            .map_or(Settled::Unchanged, |event| from.fate.after(&event, now, &settings.profile));
        let is_contradicted = settled == Settled::Contradicted;
        let fate = match settled {
            Settled::Contradicted => {
                if let Some(Event::Said(standing)) = happening.event {
                    note_conflict(on, &from, standing, happening.cause, now).await?;
                }
                if happening.ends.is_none() {
                    return Ok(Applied::Contradicted(from));
                }
                from.fate
            }
            Settled::Unchanged if is_all(&from, happening, claimed) => {
                return Ok(Applied::Unchanged(from));
            }
            Settled::Unchanged => from.fate,
            Settled::Changed(fate) => fate,
        };
        let is_worked_on = matches!(fate.state, State::Pending | State::Submitted);
        let next = happening.next.at(&fate, now, &settings.profile);
        let next = next.filter(|_| from.next_action_at == claimed);
        let kept = from.reason.clone();
        let to = Move {
            fate,
            polls: happening.polls.unwrap_or(from.polls),
            reason: match fate.state == from.fate.state {
                true if is_worked_on => happening.reason.or(kept.as_deref()),
                true => kept.as_deref(),
                false => happening.reason,
            },
            cause: happening.cause,
            next_action_at: next.or(from.next_action_at).filter(|_| is_worked_on),
            begins: happening.event == Some(Event::Begun),
            ends: happening.ends,
            telling: settings.telling,
        };
        if let Some(moved) = advance(on, &from, &to, now).await? {
            let is_changed = fate != from.fate;
            let after = Stored {
                fate,
                polls: to.polls,
                reason: to.reason.map(str::to_owned),
                revision: moved.revision,
                next_action_at: to.next_action_at,
                updated_at: now,
                ended_at: fate.state.is_final().then_some(from.ended_at.unwrap_or(now)),
                ..from
            };
            return Ok(match (is_contradicted, is_changed) {
                (true, _) => Applied::Contradicted(after),
                (false, true) => Applied::Moved(after, moved.notification),
                (false, false) => Applied::Unchanged(after),
            });
        }
        match find(on, id).await? {
            Some(found) => from = found,
            None => return Ok(Applied::Gone),
        }
    }
}

/// Whether nothing is to be written of an event that changes no state: neither when the next step
/// is, nor how a submission ended.
fn is_all(of: &Stored, happening: &Happening<'_>, claimed: Option<Timestamp>) -> bool {
    let is_worked_on = matches!(of.fate.state, State::Pending | State::Submitted);
    let sets_next = happening.next != Next::Kept && is_worked_on && of.next_action_at == claimed;
    !sets_next && happening.ends.is_none()
}
