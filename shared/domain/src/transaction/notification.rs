//! The client is told how its transaction stands.

use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;
use uuid::Uuid;

use super::{Failure, State};

/// How long a notification is sent again and again.
pub const TELLING: Duration = Duration::from_secs(24 * 60 * 60);

/// The pauses after a failed attempt; after the last one it comes back every time. With the jitter
/// they are between half of this and all of it.
const PAUSES: [u64; 8] = [5, 60, 300, 1_800, 3_600, 7_200, 10_800, 14_400];

/// The times at which a client is told.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Telling {
    /// It is never told.
    #[default]
    Never,
    /// When the transaction has ended.
    AtTheEnd,
    /// At each change of its state.
    Always,
}

impl Telling {
    /// Returns whether a client is told that its transaction stands like this now.
    #[must_use]
    pub const fn tells(self, of: State) -> bool {
        match self {
            Self::Never => false,
            Self::AtTheEnd => of.is_final(),
            Self::Always => true,
        }
    }
}

#[derive(Serialize)]
struct Body<'a> {
    r#type: String,
    timestamp: Timestamp,
    data: Data<'a>,
}

#[derive(Serialize)]
struct Data<'a> {
    id: Uuid,
    status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<&'a str>,
}

impl Failure {
    /// Returns the word in `transactions.failure`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Theirs => "theirs",
            Self::Refused => "refused",
            Self::NotDone => "not_done",
        }
    }

    /// Reads the word in `transactions.failure`; `None` if this release does not know it.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Theirs, Self::Refused, Self::NotDone].into_iter().find(|it| it.as_str() == word)
    }
}

/// Returns the body of the notification, as Standard Webhooks has it.
#[must_use]
pub fn body(id: Uuid, state: State, reason: Option<&str>, at: Timestamp) -> String {
    let r#type = format!("transaction.{}", state.as_str());
    let data = Data { id, status: state.as_str(), reason };
    let body = Body { r#type, timestamp: at, data };
    // A struct of texts becomes JSON.
    serde_json::to_string(&body).unwrap_or_default()
}

/// The outcome of an attempt to tell a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Answer {
    /// It has heard.
    Heard,
    /// It wants to hear no more.
    Gone,
    /// It may hear later; not before this pause, if it names one.
    Later(Option<Duration>),
}

impl Answer {
    /// Reads the status of a reply. Only a success is one: a redirect is not followed.
    #[must_use]
    pub const fn of(status: u16, retry_after: Option<Duration>) -> Self {
        match status {
            200..=299 => Self::Heard,
            410 => Self::Gone,
            _ => Self::Later(retry_after),
        }
    }
}

/// Returns when to tell it again after `attempts`, or `None` if that is not before
/// `until`. `random` picks
/// the point of the jitter, over the whole range of u32.
#[must_use]
pub fn again_at(
    attempts: u32,
    asked: Option<Duration>,
    random: u32,
    until: Timestamp,
    now: Timestamp,
) -> Option<Timestamp> {
    let place = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let longest = Duration::from_secs(PAUSES[place.min(PAUSES.len() - 1)]);
    let jitter = longest.as_nanos() / 2 * u128::from(random) / u128::from(u32::MAX);
    let pause = longest / 2 + Duration::from_nanos(u64::try_from(jitter).unwrap_or(u64::MAX));
    let at = super::guard::after(now, pause.max(asked.unwrap_or_default()));
    (at < until).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(1_780_272_000 + seconds).unwrap()
    }

    #[test]
    fn a_client_reads_the_id_the_state_and_the_reason() {
        let text = body(Uuid::from_u128(7), State::Failed, Some("no \"funds\""), at(0));
        let expected = concat!(
            r#"{"type":"transaction.failed","timestamp":"2026-06-01T00:00:00Z","data":"#,
            r#"{"id":"00000000-0000-0000-0000-000000000007","status":"failed","reason":"no \"funds\""}}"#
        );
        assert_eq!(text, expected);
    }

    #[test]
    fn a_client_is_told_for_a_day_with_growing_pauses_and_as_late_as_it_asks() {
        for random in [0, u32::MAX / 2, u32::MAX] {
            let (mut now, mut attempts) = (at(0), 1);
            let mut before = Duration::ZERO;
            while let Some(next) = again_at(attempts, None, random, at(86_400), now) {
                let pause = crate::clock::elapsed(now, next);
                assert!(pause >= before.min(Duration::from_secs(7_200)), "{attempts}");
                (now, attempts, before) = (next, attempts + 1, pause);
            }
            assert!((10..=20).contains(&attempts), "{attempts}");
            assert!(now < at(86_400) && now > at(86_400 - 14_400));
        }
        let asked = Some(Duration::from_secs(600));
        assert_eq!(again_at(1, asked, 0, at(86_400), at(0)), Some(at(600)));
        assert_eq!(again_at(1, asked, 0, at(86_400), at(86_000)), None, "the day would be over");
    }

    #[test]
    fn only_a_success_is_one_and_410_ends_it() {
        assert_eq!(Answer::of(204, None), Answer::Heard);
        assert_eq!(Answer::of(410, None), Answer::Gone);
        let pause = Some(Duration::from_secs(9));
        for status in [301, 400, 404, 429, 500] {
            assert_eq!(Answer::of(status, pause), Answer::Later(pause));
        }
    }

    #[test]
    fn who_is_told_at_the_end_hears_nothing_of_what_may_still_change() {
        for state in State::ALL {
            assert_eq!(Telling::AtTheEnd.tells(state), state.is_final());
            assert!(Telling::Always.tells(state) && !Telling::Never.tells(state));
        }
    }
}
