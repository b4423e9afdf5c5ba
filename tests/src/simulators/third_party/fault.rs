//! Faults of a request, on command or by chance.

use std::time::Duration;

use fastrand::Rng;
use uuid::Uuid;

/// A fault of the third party. A question does no work: there the fault is in the reply only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Does the work, and replies only when the client has given up.
    HeldAfter,
    /// Does the work, and closes the connection.
    CutAfter,
    /// Does the work, and a gateway before it answers 504.
    TimedOutAfter,
    /// A gateway answers 504. The request arrives this much later, and the work is done then.
    Late(Duration),
    /// Answers with this status, and does nothing.
    Before(u16),
    /// Resets the connection, and does nothing.
    ResetBefore,
    /// 429, with this many seconds in `Retry-After`.
    TooMany(u32),
    /// 401, as for a key that is revoked.
    Unauthorized,
    /// Refuses the transaction with this status: it did nothing and never will.
    Refused(u16),
    /// Does the work, and answers 200 with half of the JSON.
    Garbage,
    /// 200, but a page in HTML. It does nothing.
    Html,
    /// 404, although it has the transaction. As a fault by chance it ends with the lag of the
    /// terms.
    Hidden,
}

/// The chances of faults, in 1,000 requests each.
#[derive(Clone, Debug, Default)]
pub struct Weather {
    /// Of submissions.
    pub submissions: Vec<(Fault, u32)>,
    /// Of questions.
    pub questions: Vec<(Fault, u32)>,
}

impl Weather {
    /// Returns a weather in which `per_mille` of all requests fail, in every way that passes
    /// without waiting for a time-out.
    #[must_use]
    pub fn of_every_kind(per_mille: u32) -> Self {
        let submissions = [
            Fault::CutAfter,
            Fault::TimedOutAfter,
            Fault::Late(Duration::from_secs(30)),
            Fault::Before(500),
            Fault::Before(503),
            Fault::Before(504),
            Fault::ResetBefore,
            Fault::TooMany(7),
            Fault::Unauthorized,
            Fault::Refused(400),
            Fault::Refused(422),
            Fault::Garbage,
            Fault::Html,
        ];
        let questions = [
            Fault::CutAfter,
            Fault::Before(500),
            Fault::Before(504),
            Fault::ResetBefore,
            Fault::TooMany(7),
            Fault::Unauthorized,
            Fault::Garbage,
            Fault::Html,
            Fault::Hidden,
        ];
        Self {
            submissions: shared(&submissions, per_mille),
            questions: shared(&questions, per_mille),
        }
    }

    /// Returns the fault of the `nth` request of its kind about a transaction.
    pub(super) fn pick(
        &self,
        seed: u64,
        id: &Uuid,
        is_submission: bool,
        nth: u64,
    ) -> Option<Fault> {
        let chances = if is_submission { &self.submissions } else { &self.questions };
        let mut drawn = chance(seed, id, nth * 2 + u64::from(is_submission)).u32(0..1_000);
        chances.iter().find_map(|&(fault, per_mille)| {
            let is_it = drawn < per_mille;
            drawn = drawn.saturating_sub(per_mille);
            is_it.then_some(fault)
        })
    }
}

/// Divides the chance of any fault among all of them.
fn shared(faults: &[Fault], per_mille: u32) -> Vec<(Fault, u32)> {
    let count = u32::try_from(faults.len()).unwrap_or(u32::MAX);
    let part = |n: u32| per_mille / count + u32::from(n < per_mille % count);
    (0..).zip(faults).map(|(n, &fault)| (fault, part(n))).collect()
}

/// Returns what is drawn for a transaction under a number, whatever was drawn before.
pub(super) fn chance(seed: u64, id: &Uuid, number: u64) -> Rng {
    let (high, low) = id.as_u64_pair();
    let mut mixed = Rng::with_seed(seed ^ high.rotate_left(32) ^ low);
    Rng::with_seed(mixed.u64(..) ^ number.wrapping_mul(0x9E37_79B9_7F4A_7C15))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_strike_as_often_as_was_asked_and_the_same_ones_each_time() {
        let weather = Weather::of_every_kind(300);
        let total = |of: &[(Fault, u32)]| of.iter().map(|(_, n)| n).sum::<u32>();
        assert_eq!((total(&weather.submissions), total(&weather.questions)), (300, 300));
        let ids: Vec<Uuid> = (0..2_000).map(Uuid::from_u128).collect();
        let drawn = |seed| ids.iter().map(|id| weather.pick(seed, id, true, 1)).collect::<Vec<_>>();
        let struck = drawn(1).iter().flatten().count();
        assert!((500..700).contains(&struck), "{struck}");
        assert_eq!(drawn(1), drawn(1));
        assert_ne!(drawn(1), drawn(2));
    }
}
