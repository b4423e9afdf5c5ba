//! The next thing to do for a transaction.

use std::time::Duration;

use jiff::Timestamp;

use super::guard::after;
use super::{Event, Guard, Knowledge, Profile, Settled, State, Transaction};

/// The one next step of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// Begin a submission and send it.
    Submit,
    /// Ask the third party how it stands.
    Ask,
    /// Give it up.
    GiveUp,
    /// Nothing is to be done, but by a person.
    Rest,
}

impl Transaction {
    /// Returns the next step at this instant.
    #[must_use]
    pub fn step(&self, now: Timestamp, profile: &Profile) -> Step {
        if !matches!(self.state, State::Pending | State::Submitted) {
            return Step::Rest;
        }
        if now >= self.deadline {
            return Step::GiveUp;
        }
        let begins = matches!(self.after(&Event::Begun, now, profile), Settled::Changed(_));
        if begins && now >= self.resubmit_at(profile) { Step::Submit } else { Step::Ask }
    }

    /// Returns the instant from which the next submission may be begun. The pauses double.
    fn resubmit_at(&self, profile: &Profile) -> Timestamp {
        match self.last_begun_at {
            Some(begun) if self.submissions > 0 => {
                let doubled = 1_u32 << (self.submissions - 1).min(16);
                after(begun, profile.resubmit_after.saturating_mul(doubled))
            }
            _ => Timestamp::MIN,
        }
    }

    /// Returns when the next step is due, after `polls` questions since the last submission.
    /// `random` picks the point of the jitter, over the whole range of u32. Never later than the
    /// deadline.
    #[must_use]
    pub fn due_at(&self, polls: u32, random: u32, now: Timestamp, profile: &Profile) -> Timestamp {
        let mut due = after(now, after_poll(polls, random, profile));
        let asked = matches!(self.knowledge, Knowledge::NotSeen | Knowledge::Absent);
        if asked && Guard::FewSubmissions.holds(self, &Event::Begun, now, profile) {
            due = due.min(self.resubmit_at(profile).max(now));
        }
        due.min(self.deadline)
    }
}

/// Returns the pause after `polls` questions, with full jitter: `first_poll` at first, then from
/// that to `first_poll · 2^polls`, at most `longest_poll`.
#[must_use]
pub fn after_poll(polls: u32, random: u32, profile: &Profile) -> Duration {
    let ceiling = profile.first_poll.saturating_mul(1 << polls.min(30)).min(profile.longest_poll);
    let span = ceiling.saturating_sub(profile.first_poll).as_nanos();
    let jitter = span * u128::from(random) / u128::from(u32::MAX);
    profile.first_poll + Duration::from_nanos(u64::try_from(jitter).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::transaction::{PATIENCE, Standing};

    const fn at(seconds: i64) -> Timestamp {
        Timestamp::constant(1_780_272_000 + seconds, 0)
    }

    fn changed(of: &Transaction, event: &Event, now: Timestamp) -> Transaction {
        match of.after(event, now, &Profile::default()) {
            Settled::Changed(after) => after,
            other => panic!("{event:?} is {other:?}"),
        }
    }

    fn begun() -> Transaction {
        changed(&Transaction::new(after(at(0), PATIENCE)), &Event::Begun, at(0))
    }

    #[test]
    fn it_is_asked_before_it_is_submitted_again_at_most_three_times_with_growing_pauses() {
        let profile = Profile::default();
        let mut row = begun();
        let mut now = 0;
        for pause in [120, 240] {
            assert_eq!(row.step(at(now + 1_000), &profile), Step::Ask, "nobody has asked yet");
            row = changed(&row, &Event::NotFound { asked: at(now + 1) }, at(now + 1));
            assert_eq!(row.step(at(now + pause - 1), &profile), Step::Ask);
            assert_eq!(row.step(at(now + pause), &profile), Step::Submit);
            now += pause;
            row = changed(&row, &Event::Begun, at(now));
        }
        row = changed(&row, &Event::NotFound { asked: at(now + 600) }, at(now + 600));
        assert_eq!(row.step(at(now + 3_000), &profile), Step::Ask, "three are enough");
        assert_eq!(row.step(row.deadline, &profile), Step::GiveUp);
    }

    #[test]
    fn nothing_is_submitted_again_whose_key_the_third_party_may_have_forgotten() {
        let profile = Profile { key_lifetime: Duration::from_secs(1_800), ..Profile::default() };
        let row = changed(&begun(), &Event::NotFound { asked: at(1_000) }, at(1_000));
        assert_eq!(row.step(at(1_739), &profile), Step::Submit);
        assert_eq!(row.step(at(1_740), &profile), Step::Ask, "it would arrive too late");
    }

    #[test]
    fn a_call_back_ends_the_questions() {
        let row = changed(&begun(), &Event::Said(Standing::Completed), at(1));
        assert_eq!(row.step(at(2), &Profile::default()), Step::Rest);
    }

    #[test]
    fn questions_begin_after_a_fifth_of_a_second_and_grow_to_a_quarter_of_an_hour() {
        let profile = Profile::default();
        let millis = |polls, random| after_poll(polls, random, &profile).as_millis();
        assert_eq!((millis(0, 0), millis(0, u32::MAX)), (200, 200));
        assert_eq!((millis(3, 0), millis(3, u32::MAX)), (200, 1_600));
        assert_eq!((millis(40, 0), millis(u32::MAX, u32::MAX)), (200, 900_000));
    }

    #[test]
    fn the_next_step_is_due_when_a_submission_is_and_at_the_deadline_at_the_latest() {
        let profile = Profile::default();
        let row = changed(&begun(), &Event::NotFound { asked: at(1) }, at(1));
        assert_eq!(row.due_at(20, u32::MAX, at(100), &profile), at(120));
        assert_eq!(row.due_at(0, 0, at(110), &profile), at(110) + Duration::from_millis(200));
        let last = row.deadline - Duration::from_secs(5);
        let known = changed(&row, &Event::Said(Standing::Undecided), last);
        assert_eq!(known.due_at(20, u32::MAX, last, &profile), row.deadline);
    }
}
