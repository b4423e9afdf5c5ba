//! Call-backs: the third party tells how it has decided, signed by Standard Webhooks. A test
//! delivers them.

use std::time::Duration;

use jiff::Timestamp;
use uuid::Uuid;

use super::book::Status;
use super::fault::chance;
use super::sign::sign;

/// How the third party calls back. The chances are in 1,000 transactions each.
#[derive(Clone, Copy, Debug)]
pub struct Manners {
    /// Of a decision that is never told.
    pub never: u32,
    /// Of a call-back that is sent twice.
    pub twice: u32,
    /// Of an older `pending` that comes after the decision.
    pub older_after: u32,
    /// Of another decision that is told later, against its own book.
    pub contradicts: u32,
    /// The longest pause after the decision; the pause is drawn.
    pub delay: Duration,
    /// The pause of a contradiction.
    pub contradicts_after: Duration,
    /// The pause before a call-back that was not taken is sent again.
    pub again_after: Duration,
}

impl Default for Manners {
    fn default() -> Self {
        Self {
            never: 0,
            twice: 0,
            older_after: 0,
            contradicts: 0,
            delay: Duration::ZERO,
            contradicts_after: Duration::from_secs(60 * 60),
            again_after: Duration::from_secs(60),
        }
    }
}

/// A call-back, ready to be delivered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallBack {
    /// The transaction.
    pub id: Uuid,
    /// The status that it tells.
    pub status: Status,
    /// Its headers.
    pub headers: Vec<(&'static str, String)>,
    /// Its body.
    pub body: Vec<u8>,
    message: String,
}

struct Due {
    at: Timestamp,
    id: Uuid,
    status: Status,
    message: String,
}

/// The call-backs that are not delivered.
pub(super) struct Outbox {
    seed: u64,
    pub(super) manners: Manners,
    /// The secrets that sign; each makes one signature.
    pub(super) secrets: Vec<String>,
    due: Vec<Due>,
    count: u64,
}

/// The secret that signs call-backs until a test sets others.
pub(super) const DEFAULT_SECRET: &str = "whsec_Y2FsbC1iYWNrcyBvZiB0aGUgdGhpcmQgcGFydHk=";

/// The number under which a transaction's call-backs are drawn.
const CALL_BACKS: u64 = u64::MAX - 1;

impl Outbox {
    pub(super) fn new(seed: u64) -> Self {
        let secrets = vec![DEFAULT_SECRET.to_owned()];
        Self { seed, manners: Manners::default(), secrets, due: Vec::new(), count: 0 }
    }

    /// Has a decision told, as the manners are.
    pub(super) fn decided(&mut self, id: Uuid, status: Status, now: Timestamp) {
        let manners = self.manners;
        let mut drawn = chance(self.seed, &id, CALL_BACKS);
        let mut strikes = |per_mille: u32| drawn.u32(0..1_000) < per_mille;
        let never = strikes(manners.never);
        let (twice, older) = (strikes(manners.twice), strikes(manners.older_after));
        let contradicts = strikes(manners.contradicts);
        let longest = u64::try_from(manners.delay.as_millis()).unwrap_or(u64::MAX);
        let mut pause = || Duration::from_millis(drawn.u64(0..=longest));
        let first = now + pause();
        if !never {
            let message = self.add(first, id, status);
            if twice {
                self.due.push(Due { at: first + pause(), id, status, message });
            }
        }
        if older {
            self.add(first + pause(), id, Status::Pending);
        }
        if contradicts {
            let other = match status {
                Status::Completed => Status::Declined,
                _ => Status::Completed,
            };
            self.add(now + manners.contradicts_after, id, other);
        }
    }

    /// Adds a call-back, and returns the id of its message.
    pub(super) fn add(&mut self, at: Timestamp, id: Uuid, status: Status) -> String {
        self.count += 1;
        let message = format!("msg_{}", self.count);
        self.due.push(Due { at, id, status, message: message.clone() });
        message
    }

    /// Has a call-back sent again that was not taken.
    pub(super) fn again(&mut self, call_back: CallBack, now: Timestamp) {
        let CallBack { id, status, message, .. } = call_back;
        self.due.push(Due { at: now + self.manners.again_after, id, status, message });
    }

    pub(super) fn next_at(&self) -> Option<Timestamp> {
        self.due.iter().map(|due| due.at).min()
    }

    /// Takes out the call-backs that are due, signed now.
    pub(super) fn take(&mut self, now: Timestamp) -> Vec<CallBack> {
        let (mut due, later): (Vec<_>, Vec<_>) =
            std::mem::take(&mut self.due).into_iter().partition(|due| due.at <= now);
        self.due = later;
        due.sort_by(|one, other| (one.at, &one.message).cmp(&(other.at, &other.message)));
        due.into_iter().map(|due| self.made(due, now)).collect()
    }

    fn made(&self, due: Due, now: Timestamp) -> CallBack {
        let Due { id, status, message, .. } = due;
        let word = status.as_str();
        let body = format!(r#"{{"id":"{id}","status":"{word}","event":"decision"}}"#).into_bytes();
        let time = now.as_second();
        let signatures = self.secrets.iter().map(|secret| sign(secret, &message, time, &body));
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("webhook-id", message.clone()),
            ("webhook-timestamp", time.to_string()),
            ("webhook-signature", signatures.collect::<Vec<_>>().join(" ")),
        ];
        CallBack { id, status, headers, body, message }
    }
}

#[cfg(test)]
mod tests {
    use super::super::sign::verifies;
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_780_272_000 + seconds).unwrap()
    }

    #[test]
    fn a_decision_is_told_as_the_manners_are_and_each_attempt_is_signed_anew() {
        let mut outbox = Outbox::new(1);
        outbox.manners = Manners { twice: 1_000, contradicts: 1_000, ..Manners::default() };
        outbox.decided(Uuid::max(), Status::Completed, at(0));
        let told = outbox.take(at(0));
        assert_eq!((told.len(), &told[0].message), (2, &told[1].message));
        outbox.again(told[0].clone(), at(0));
        assert_eq!(outbox.next_at(), Some(at(60)));
        let again = outbox.take(at(60)).remove(0);
        assert_eq!((again.body.clone(), &again.message), (told[0].body.clone(), &told[0].message));
        let headers: Vec<_> =
            again.headers.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        assert!(verifies(DEFAULT_SECRET, &headers, &again.body, at(60).as_second()));
        let contradicting = outbox.take(at(3_600));
        assert_eq!(contradicting[0].status, Status::Declined);
    }

    #[test]
    fn a_decision_may_never_be_told() {
        let mut outbox = Outbox::new(1);
        outbox.manners.never = 1_000;
        outbox.decided(Uuid::max(), Status::Completed, at(0));
        assert_eq!(outbox.next_at(), None);
    }
}
