//! The settings of transactions, from the environment.

use std::time::Duration;

use super::notification::Telling;
use super::{PATIENCE, Profile};
use crate::config::{ConfigError, Env};

/// How transactions are worked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// The terms of the third party.
    pub profile: Profile,
    /// How long a transaction is worked on before it is given up.
    pub patience: Duration,
    /// When clients are told.
    pub telling: Telling,
}

impl Settings {
    /// `TRANSACTION_PATIENCE_S`, `THIRD_PARTY_MOST_SUBMISSIONS`, `THIRD_PARTY_KEY_LIFETIME_S`,
    /// `THIRD_PARTY_REQUEST_LIVES_S`, `THIRD_PARTY_VISIBILITY_LAG_S`,
    /// `THIRD_PARTY_RESUBMIT_AFTER_S`, `THIRD_PARTY_FIRST_POLL_MS` and
    /// `THIRD_PARTY_LONGEST_POLL_S`; `NOTIFY_URL`, without which no client is told, and
    /// `NOTIFY_ON`: `end` (unless set otherwise) or `change`.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if a variable holds something else, if a transaction would never be
    /// submitted, or if a 404 would prove something while a submission may still be under way.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let seconds = |name, default: Duration| {
            env.parsed_or(name, default.as_secs()).map(Duration::from_secs)
        };
        let usual = Profile::default();
        let profile = Profile {
            most_submissions: env
                .parsed_or("THIRD_PARTY_MOST_SUBMISSIONS", usual.most_submissions)?,
            key_lifetime: seconds("THIRD_PARTY_KEY_LIFETIME_S", usual.key_lifetime)?,
            request_lives: seconds("THIRD_PARTY_REQUEST_LIVES_S", usual.request_lives)?,
            visibility_lag: seconds("THIRD_PARTY_VISIBILITY_LAG_S", usual.visibility_lag)?,
            resubmit_after: seconds("THIRD_PARTY_RESUBMIT_AFTER_S", usual.resubmit_after)?,
            first_poll: {
                let millis = u64::try_from(usual.first_poll.as_millis()).unwrap_or(u64::MAX);
                Duration::from_millis(env.parsed_or("THIRD_PARTY_FIRST_POLL_MS", millis)?)
            },
            longest_poll: seconds("THIRD_PARTY_LONGEST_POLL_S", usual.longest_poll)?,
        };
        let invalid = |name: &str, reason: &str| {
            Err(ConfigError::Invalid { name: name.to_owned(), reason: reason.to_owned() })
        };
        if profile.most_submissions == 0 {
            return invalid("THIRD_PARTY_MOST_SUBMISSIONS", "nothing would be submitted");
        }
        if profile.key_lifetime <= profile.request_lives {
            let reason = "it is not longer than THIRD_PARTY_REQUEST_LIVES_S";
            return invalid("THIRD_PARTY_KEY_LIFETIME_S", reason);
        }
        if profile.visibility_lag <= profile.request_lives {
            let reason = "it is not longer than THIRD_PARTY_REQUEST_LIVES_S";
            return invalid("THIRD_PARTY_VISIBILITY_LAG_S", reason);
        }
        let telling = match (env.optional("NOTIFY_URL"), env.or("NOTIFY_ON", "end").as_str()) {
            (None, "end" | "change") => Telling::Never,
            (Some(_), "end") => Telling::AtTheEnd,
            (Some(_), "change") => Telling::Always,
            _ => return invalid("NOTIFY_ON", "it is neither end nor change"),
        };
        let patience = seconds("TRANSACTION_PATIENCE_S", PATIENCE)?;
        Ok(Self { profile, patience, telling })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(pairs: &[(&str, &str)]) -> Result<Settings, ConfigError> {
        Settings::from_env(&pairs.iter().copied().collect())
    }

    #[test]
    fn unless_told_otherwise_the_usual_terms_hold_and_nobody_is_told() {
        let settings = read(&[]).unwrap();
        assert_eq!(settings.profile, Profile::default());
        assert_eq!((settings.patience, settings.telling), (PATIENCE, Telling::Never));
    }

    #[test]
    fn each_number_is_a_parameter() {
        let settings = read(&[
            ("THIRD_PARTY_MOST_SUBMISSIONS", "5"),
            ("THIRD_PARTY_KEY_LIFETIME_S", "1800"),
            ("THIRD_PARTY_FIRST_POLL_MS", "50"),
            ("TRANSACTION_PATIENCE_S", "3600"),
            ("NOTIFY_URL", "https://example.com"),
            ("NOTIFY_ON", "change"),
        ])
        .unwrap();
        assert_eq!(settings.profile.most_submissions, 5);
        assert_eq!(settings.profile.key_lifetime, Duration::from_secs(1_800));
        assert_eq!(settings.profile.first_poll, Duration::from_millis(50));
        assert_eq!(settings.patience, Duration::from_secs(3_600));
        assert_eq!(settings.telling, Telling::Always);
    }

    #[test]
    fn terms_that_prove_nothing_are_refused() {
        for (name, value) in [
            ("THIRD_PARTY_MOST_SUBMISSIONS", "0"),
            ("THIRD_PARTY_KEY_LIFETIME_S", "60"),
            ("THIRD_PARTY_VISIBILITY_LAG_S", "60"),
            ("NOTIFY_ON", "never"),
        ] {
            let Err(ConfigError::Invalid { name: told, .. }) = read(&[(name, value)]) else {
                panic!("{name} is taken")
            };
            assert_eq!(told, name);
        }
    }
}
