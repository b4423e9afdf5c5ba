//! The requests of rules to `fetch`: for all that is due in a mode, of every connection. A rule
//! knows no connection, so that none needs a deployment.

use serde::{Deserialize, Serialize};

use crate::fetch_request::Mode;
use crate::source::Source;

/// The event of a rule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct DueRequest {
    /// The mode of the runs that are due.
    pub due: Due,
}

/// The things that can be due by schedule. The words are those of [`Mode`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Due {
    /// Runs for everything that has changed since the last one.
    Incremental,
    /// Full lists that only a full run repairs.
    Full,
    /// Full lists whose sums can be compared.
    Reconcile,
    /// Channels that end and are renewed.
    Watch,
}

impl Due {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Incremental, Self::Full, Self::Reconcile, Self::Watch];

    /// Returns the mode of the requests.
    #[must_use]
    pub fn mode(self) -> Mode {
        match self {
            Self::Incremental => Mode::Incremental,
            Self::Full => Mode::Full,
            Self::Reconcile => Mode::Reconcile,
            Self::Watch => Mode::Watch,
        }
    }

    /// Returns the entities of a source that are due.
    #[must_use]
    pub fn entities(self, source: &dyn Source) -> &'static [&'static str] {
        match self {
            Self::Full => source.read_again(),
            Self::Incremental | Self::Reconcile | Self::Watch => source.entities(self.mode()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::SOURCES;

    #[test]
    fn whatever_has_a_full_list_is_read_again_or_compared() {
        for source in SOURCES {
            let due = |due: Due, entity: &str| due.entities(*source).contains(&entity);
            for entity in source.entities(Mode::Full) {
                let times =
                    [Due::Full, Due::Reconcile].into_iter().filter(|it| due(*it, entity)).count();
                assert_eq!(times, 1, "{} {entity}", source.name());
            }
            for entity in source.read_again() {
                assert!(source.entities(Mode::Full).contains(entity), "{}", source.name());
            }
        }
    }

    #[test]
    fn an_event_says_one_word_and_nothing_is_due_by_id() {
        for due in Due::ALL {
            let event = format!(r#"{{"due":"{}"}}"#, due.mode().as_str());
            assert_eq!(serde_json::from_str::<DueRequest>(&event).unwrap(), DueRequest { due });
        }
        for event in
            [r#"{"due":"object"}"#, r#"{"due":"full","source":"stripe"}"#, r#"{"due":"all"}"#]
        {
            assert!(serde_json::from_str::<DueRequest>(event).is_err(), "{event}");
        }
    }
}
