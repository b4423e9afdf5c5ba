//! The third party's book: what it has done with each transaction, and how it was decided.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::call_back::Outbox;
use super::fault::chance;

/// A transaction's status, as the third party tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Status {
    /// It is not decided.
    Pending,
    /// It is done.
    Completed,
    /// It was decided against.
    Declined,
    /// It could not be done.
    Failed,
}

impl Status {
    /// Returns the word in its replies.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::Completed => "completed",
            Self::Declined => "declined",
            Self::Failed => "failed",
        }
    }
}

/// The time at which a transaction is decided.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// When it is submitted.
    AtOnce,
    /// When it was asked about so often.
    Asked(u32),
    /// This long after it was submitted.
    After(Duration),
    /// Only by [`Book::decide`].
    Never,
}

/// The decision on a transaction, and its time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fate {
    /// The decision.
    pub decision: Status,
    /// Its time.
    pub when: When,
}

impl Fate {
    /// Creates the fate of a transaction.
    #[must_use]
    pub const fn new(decision: Status, when: When) -> Self {
        Self { decision, when }
    }
}

/// The terms of the third party.
#[derive(Clone, Debug)]
pub struct Terms {
    /// How long it remembers an idempotency key.
    pub key_lifetime: Duration,
    /// How long a transaction may be hidden from questions after its first submission.
    pub visibility_lag: Duration,
    /// The fates of transactions, with their weights.
    pub fates: Vec<(Fate, u32)>,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            key_lifetime: Duration::from_secs(24 * 60 * 60),
            visibility_lag: Duration::from_secs(60),
            fates: vec![(Fate::new(Status::Completed, When::AtOnce), 1)],
        }
    }
}

/// A submission that was done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effect {
    /// When it was done.
    pub at: Timestamp,
    /// Its idempotency key.
    pub key: String,
    /// Its body.
    pub body: Vec<u8>,
}

/// A transaction in the book.
#[derive(Clone, Debug)]
pub struct Entry {
    /// The submissions that were done. More than one is a second payment.
    pub effects: Vec<Effect>,
    /// Its status.
    pub status: Status,
    /// The decision, and its time.
    pub fate: Fate,
    /// The questions since it was submitted.
    pub asks: u32,
    /// The status with which it was refused, if it was.
    pub refused: Option<u16>,
    /// When it was first heard of.
    pub first_seen: Timestamp,
    /// When it was last heard of.
    pub last_seen: Timestamp,
}

impl Entry {
    /// Returns whether a submission was done.
    #[must_use]
    pub const fn is_done(&self) -> bool {
        !self.effects.is_empty()
    }
}

/// A submission that is under way to it.
struct Late {
    at: Timestamp,
    id: Uuid,
    key: String,
    body: Vec<u8>,
}

/// The book of the third party.
pub struct Book {
    seed: u64,
    /// The terms. A change counts from the next request on.
    pub terms: Terms,
    pub(super) outbox: Outbox,
    fates: BTreeMap<Uuid, Fate>,
    entries: BTreeMap<Uuid, Entry>,
    /// The transactions that are done, and not decided.
    open: BTreeSet<Uuid>,
    keys: BTreeMap<String, Timestamp>,
    late: Vec<Late>,
}

/// The numbers under which a transaction's chances are drawn.
const FATE: u64 = u64::MAX;

impl Book {
    pub(super) fn new(seed: u64) -> Self {
        Self {
            seed,
            terms: Terms::default(),
            outbox: Outbox::new(seed),
            fates: BTreeMap::new(),
            entries: BTreeMap::new(),
            open: BTreeSet::new(),
            keys: BTreeMap::new(),
            late: Vec::new(),
        }
    }

    /// Returns what it has of a transaction; `None` if it has never heard of it.
    #[must_use]
    pub fn entry(&self, id: &Uuid) -> Option<&Entry> {
        self.entries.get(id)
    }

    /// Returns all transactions that it has heard of.
    pub fn entries(&self) -> impl Iterator<Item = (&Uuid, &Entry)> {
        self.entries.iter()
    }

    /// Sets the fate of a transaction that was not heard of yet.
    pub fn destine(&mut self, id: Uuid, fate: Fate) {
        self.fates.insert(id, fate);
    }

    /// Decides a transaction now. What was decided stays.
    pub fn decide(&mut self, id: &Uuid, decision: Status, now: Timestamp) {
        let Some(entry) = self.entries.get_mut(id) else { return };
        if entry.is_done() && entry.status == Status::Pending {
            entry.status = decision;
            self.open.remove(id);
            self.outbox.decided(*id, decision, now);
        }
    }

    /// Brings the book to `now`: what was under way arrives, and what is due is decided.
    pub fn pass(&mut self, now: Timestamp) {
        let (mut due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.late).into_iter().partition(|late| late.at <= now);
        self.late = later;
        due.sort_by_key(|late| late.at);
        for Late { at, id, key, body } in due {
            self.work(id, &key, body, at);
        }
        let is_due = |entry: &Entry| match (entry.fate.when, entry.effects.first()) {
            (When::After(pause), Some(first)) => first.at + pause <= now,
            (When::Asked(asks), Some(_)) => entry.asks >= asks,
            (When::AtOnce, Some(_)) => true,
            _ => false,
        };
        let decided = self.open().filter(|(_, entry)| is_due(entry));
        let decided: Vec<_> = decided.map(|(id, entry)| (*id, entry.fate.decision)).collect();
        for (id, decision) in decided {
            self.decide(&id, decision, now);
        }
    }

    /// Returns the next time at which something comes of itself: an arrival, a decision, a
    /// call-back.
    #[must_use]
    pub fn next_at(&self) -> Option<Timestamp> {
        let arrivals = self.late.iter().map(|late| late.at);
        let decisions = self.open().filter_map(|(_, entry)| match entry.fate.when {
            When::After(pause) => Some(entry.effects.first()?.at + pause),
            _ => None,
        });
        arrivals.chain(decisions).chain(self.outbox.next_at()).min()
    }

    /// Does a submission, unless it is done already or was refused. Returns the entry.
    pub(super) fn submit(&mut self, id: Uuid, key: &str, body: Vec<u8>, now: Timestamp) -> &Entry {
        self.work(id, key, body, now);
        self.pass(now);
        self.seen(id, now)
    }

    /// Has a submission arrive later.
    pub(super) fn submit_at(&mut self, at: Timestamp, id: Uuid, key: &str, body: Vec<u8>) {
        self.late.push(Late { at, id, key: key.to_owned(), body });
    }

    /// Refuses a transaction for good, unless it is done, or under way.
    pub(super) fn refuse(&mut self, id: Uuid, status: u16, now: Timestamp) -> bool {
        let is_under_way = self.late.iter().any(|late| late.id == id);
        let entry = self.seen(id, now);
        if entry.is_done() || is_under_way {
            return false;
        }
        entry.refused = Some(status);
        true
    }

    /// Counts a question, and returns the status that it tells; `None` if it has nothing.
    pub(super) fn ask(&mut self, id: &Uuid, now: Timestamp) -> Option<Status> {
        let entry = self.entries.get_mut(id).filter(|entry| entry.is_done())?;
        entry.asks += 1;
        entry.last_seen = now;
        self.pass(now);
        self.entries.get(id).map(|entry| entry.status)
    }

    /// Returns whether the lag since the first submission has not passed.
    pub(super) fn may_be_hidden(&self, id: &Uuid, now: Timestamp) -> bool {
        let first = self.entries.get(id).and_then(|entry| entry.effects.first());
        first.is_none_or(|first| now < first.at + self.terms.visibility_lag)
    }

    /// Returns the entry of a transaction that it hears of now.
    pub(super) fn seen(&mut self, id: Uuid, now: Timestamp) -> &mut Entry {
        let fate = self.fates.get(&id).copied().unwrap_or_else(|| self.drawn(&id));
        let entry = self.entries.entry(id).or_insert_with(|| Entry {
            effects: Vec::new(),
            status: Status::Pending,
            fate,
            asks: 0,
            refused: None,
            first_seen: now,
            last_seen: now,
        });
        entry.last_seen = now;
        entry
    }

    fn open(&self) -> impl Iterator<Item = (&Uuid, &Entry)> {
        self.open.iter().filter_map(|id| Some((id, self.entries.get(id)?)))
    }

    fn work(&mut self, id: Uuid, key: &str, body: Vec<u8>, now: Timestamp) {
        let lifetime = self.terms.key_lifetime;
        let is_known = self.keys.get(key).is_some_and(|&first| now < first + lifetime);
        let entry = self.seen(id, now);
        if entry.refused.is_some() || is_known {
            return;
        }
        let is_first = !entry.is_done();
        entry.effects.push(Effect { at: now, key: key.to_owned(), body });
        if is_first {
            self.open.insert(id);
        }
        self.keys.insert(key.to_owned(), now);
    }

    fn drawn(&self, id: &Uuid) -> Fate {
        let fates = &self.terms.fates;
        let total: u32 = fates.iter().map(|(_, weight)| weight).sum();
        let mut drawn = chance(self.seed, id, FATE).u32(0..total.max(1));
        let found = fates.iter().find(|(_, weight)| {
            let is_it = drawn < *weight;
            drawn = drawn.saturating_sub(*weight);
            is_it
        });
        found.map_or(Fate::new(Status::Completed, When::AtOnce), |(fate, _)| *fate)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_780_272_000 + seconds).unwrap()
    }

    #[test]
    fn a_submission_is_done_once_as_long_as_its_key_is_remembered() {
        let mut book = Book::new(1);
        book.terms.key_lifetime = Duration::from_secs(60);
        for seconds in [0, 59] {
            assert_eq!(book.submit(ID, "k", vec![1], at(seconds)).effects.len(), 1);
        }
        assert_eq!(book.submit(ID, "k", vec![1], at(60)).effects.len(), 2, "it has forgotten it");
    }

    #[test]
    fn a_transaction_is_decided_by_its_fate_and_once() {
        let mut book = Book::new(1);
        book.destine(ID, Fate::new(Status::Declined, When::Asked(2)));
        assert_eq!(book.submit(ID, "k", Vec::new(), at(0)).status, Status::Pending);
        assert_eq!(book.ask(&ID, at(1)), Some(Status::Pending));
        assert_eq!(book.ask(&ID, at(2)), Some(Status::Declined));
        book.decide(&ID, Status::Completed, at(3));
        assert_eq!(book.entry(&ID).unwrap().status, Status::Declined);
    }

    #[test]
    fn what_was_refused_is_never_done_and_what_is_under_way_is_not_refused() {
        let mut book = Book::new(1);
        assert!(book.refuse(ID, 422, at(0)));
        assert!(!book.submit(ID, "k", Vec::new(), at(1)).is_done());
        assert_eq!(book.ask(&ID, at(2)), None);
        let other = Uuid::from_u128(8);
        book.submit_at(at(30), other, "o", Vec::new());
        assert!(!book.refuse(other, 422, at(1)));
        assert_eq!(book.next_at(), Some(at(30)));
        book.pass(at(30));
        assert_eq!(book.ask(&other, at(31)), Some(Status::Completed));
    }
}
