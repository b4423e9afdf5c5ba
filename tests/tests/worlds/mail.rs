//! The queues and the rules of a world: messages come when they are due, in any order, some of them
//! twice.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use penstock_domain::due::Due;
use penstock_domain::fetch_request::FetchRequest;

/// After this many receives a message goes to the redrive queue.
pub const MOST_RECEIVES: u32 = 5;

#[derive(Debug, Clone)]
pub enum Letter {
    /// For `process`.
    Ticket(String),
    /// For `fetch`.
    Request(FetchRequest),
}

#[derive(Debug, Clone)]
pub struct Message {
    pub letter: Letter,
    pub due_at: Timestamp,
    pub receives: u32,
}

impl Message {
    pub fn new(letter: Letter, due_at: Timestamp) -> Self {
        Self { letter, due_at, receives: 1 }
    }

    /// The message once its visibility time-out is over; `None` if it was received too often.
    pub fn again(mut self, after: Duration, now: Timestamp) -> Option<Self> {
        self.receives += 1;
        self.due_at = now + after;
        (self.receives <= MOST_RECEIVES).then_some(self)
    }
}

/// A rule of EventBridge.
pub struct Rule {
    due: Due,
    every: SignedDuration,
    due_at: Timestamp,
}

impl Rule {
    /// Returns what the rules that are due ask for, each once, however long ago it was due.
    pub fn due(rules: &mut [Self], now: Timestamp) -> Vec<Due> {
        let due = rules.iter_mut().filter(|rule| rule.due_at <= now);
        due.map(|rule| {
            rule.due_at = now + rule.every;
            rule.due
        })
        .collect()
    }

    /// The rules of the template.
    pub fn all(now: Timestamp) -> Vec<Self> {
        let minutes = |due: Due| match due {
            Due::Incremental => 5,
            Due::Watch => 360,
            Due::Full => 1_440,
            Due::Reconcile => 10_080,
        };
        let every = |due| SignedDuration::from_mins(minutes(due));
        Due::ALL.map(|due| Self { due, every: every(due), due_at: now }).into()
    }
}
