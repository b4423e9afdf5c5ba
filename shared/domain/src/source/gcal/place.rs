//! The position of a pull within a calendar: the calendar, the sync token, the page.

use serde::{Deserialize, Serialize};

/// The page token or cursor that is stored. It names the calendar, because a token is only valid
/// for its own calendar, and a deployment may switch to another calendar during a run.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Place {
    /// The calendar that issued the tokens.
    pub calendar: String,
    /// The sync token of the last complete list. Every page of an incremental run sends it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sync: Option<String>,
    /// `nextPageToken` of the page before.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub page: Option<String>,
}

impl Place {
    /// Reads the place in `token`. Returns the beginning if the token cannot be read or is of
    /// another calendar.
    pub(super) fn read(token: Option<&str>, calendar: &str) -> Self {
        let read = token.and_then(|token| serde_json::from_str::<Self>(token).ok());
        read.filter(|place| place.calendar == calendar).unwrap_or_else(|| Self::start(calendar))
    }

    /// The beginning of a full list.
    pub(super) fn start(calendar: &str) -> Self {
        Self { calendar: calendar.to_owned(), ..Self::default() }
    }

    /// As text, to be kept.
    pub(super) fn write(&self) -> String {
        // Strings as keys and values: it cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }
}
