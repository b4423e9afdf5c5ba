//! Which issues are news: those that begin, and those that end.
//!
//! An issue is told at once when it begins, but not more often than once an hour. Its end is told
//! if its beginning was. While it lasts, the daily digest lists it.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;

use crate::clock::elapsed;

/// An issue that comes back sooner after it was told is not told again yet.
const QUIET: Duration = Duration::from_secs(3600);

/// Something that is wrong, as a check sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Issue {
    /// The name, which stays the same while it lasts.
    pub key: String,
    /// The issue in words for a person.
    pub what: String,
    /// The time since which it lasts.
    pub since: Timestamp,
}

/// An issue as it is written down.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Known {
    /// The name.
    pub key: String,
    /// The issue in words for a person.
    pub what: String,
    /// The time at which it began.
    pub began_at: Timestamp,
    /// The time at which it ended; `None` while it lasts.
    pub ended_at: Option<Timestamp>,
    /// Whether the operators were told of it this time.
    pub is_told: bool,
    /// The time at which they were last told of it, this time or an earlier one.
    pub told_at: Option<Timestamp>,
}

/// The difference that a check makes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Step {
    /// The issues to be written down.
    pub changed: Vec<Known>,
    /// Those of them whose beginning is to be told.
    pub failed: Vec<Known>,
    /// Those of them whose end is to be told.
    pub recovered: Vec<Known>,
}

impl Known {
    /// Whether it may be told at `now`: it was not told within the hour.
    #[must_use]
    pub fn may_be_told(&self, now: Timestamp) -> bool {
        self.told_at.is_none_or(|told_at| elapsed(told_at, now) >= QUIET)
    }
}

/// Compares the issues that are written down with those that a check sees at `now`.
#[must_use]
pub fn step(known: &[Known], seen: &[Issue], now: Timestamp) -> Step {
    let by_key: BTreeMap<&str, &Known> = known.iter().map(|it| (it.key.as_str(), it)).collect();
    let mut step = Step::default();
    for issue in seen {
        let before = by_key.get(issue.key.as_str()).copied();
        let lasting = before.filter(|it| it.ended_at.is_none());
        let mut after = Known {
            key: issue.key.clone(),
            what: issue.what.clone(),
            began_at: lasting.map_or(issue.since.min(now), |it| it.began_at),
            ended_at: None,
            is_told: lasting.is_some_and(|it| it.is_told),
            told_at: before.and_then(|it| it.told_at),
        };
        if !after.is_told && after.may_be_told(now) {
            (after.is_told, after.told_at) = (true, Some(now));
            step.failed.push(after.clone());
        }
        if before != Some(&after) {
            step.changed.push(after);
        }
    }
    let is_seen = |it: &Known| seen.iter().any(|issue| issue.key == it.key);
    for gone in known.iter().filter(|it| it.ended_at.is_none() && !is_seen(it)) {
        let ended = Known { ended_at: Some(now), ..gone.clone() };
        if ended.is_told {
            step.recovered.push(ended.clone());
        }
        step.changed.push(ended);
    }
    step
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(minute: i64) -> Timestamp {
        Timestamp::from_second(1_780_000_000 + 60 * minute).unwrap()
    }

    /// Checks each minute whether an issue is there, and returns what is told, with the minute.
    fn told(minutes: i64, is_there: impl Fn(i64) -> bool) -> Vec<(i64, &'static str)> {
        let (mut known, mut told) = (BTreeMap::new(), Vec::new());
        for minute in 0..minutes {
            let issue = Issue { key: "a".to_owned(), what: "A.".to_owned(), since: at(minute) };
            let seen = if is_there(minute) { vec![issue] } else { Vec::new() };
            let before: Vec<Known> = known.values().cloned().collect();
            let step = step(&before, &seen, at(minute));
            told.extend(step.failed.iter().map(|_| (minute, "failed")));
            told.extend(step.recovered.iter().map(|_| (minute, "recovered")));
            known.extend(step.changed.into_iter().map(|it| (it.key.clone(), it)));
        }
        told
    }

    #[test]
    fn an_outage_is_told_once_when_it_begins_and_once_when_it_ends() {
        let outage = told(90, |minute| (10..40).contains(&minute));
        assert_eq!(outage, [(10, "failed"), (40, "recovered")]);
        let week = told(10_080, |minute| minute >= 5);
        assert_eq!(week, [(5, "failed")]);
    }

    #[test]
    fn an_issue_that_comes_and_goes_is_told_once_an_hour() {
        let flapping = told(180, |minute| minute % 4 < 2);
        let failures = flapping.iter().filter(|(_, what)| *what == "failed");
        assert_eq!(failures.map(|(minute, _)| *minute).collect::<Vec<_>>(), [0, 60, 120]);
        assert_eq!(flapping.len(), 6, "each end of those: {flapping:?}");
    }

    #[test]
    fn an_issue_that_was_kept_quiet_is_told_once_the_hour_is_over() {
        let back = told(100, |minute| !(5..20).contains(&minute));
        assert_eq!(back, [(0, "failed"), (5, "recovered"), (60, "failed")]);
    }

    #[test]
    fn a_check_that_sees_nothing_new_writes_nothing() {
        let known = Known {
            key: "a".to_owned(),
            what: "A.".to_owned(),
            began_at: at(0),
            ended_at: None,
            is_told: true,
            told_at: Some(at(0)),
        };
        let seen = [Issue { key: "a".to_owned(), what: "A.".to_owned(), since: at(3) }];
        assert_eq!(step(&[known], &seen, at(5)), Step::default());
    }
}
