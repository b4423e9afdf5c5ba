//! The events of `archive`, and its reply.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// An event of `archive`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// The event's only field.
    pub archive: Wanted,
}

/// The work that an event asks for.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(untagged)]
pub enum Wanted {
    /// `"due"`, the schedule's word: copy what is due.
    Due(Due),
    /// Copy all that is there, and write files of these days again whose objects are gone.
    Days(Days),
}

/// The word that the schedule says.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Due {
    /// Copy what is due.
    Due,
}

/// Days of arrival in UTC, with the first and the last.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Days {
    /// The first day.
    pub from: Date,
    /// The last day.
    pub to: Date,
    /// The table; all if it is left out.
    #[serde(default)]
    pub table: Option<String>,
}

impl Request {
    /// Returns the event of the schedule.
    #[must_use]
    pub const fn due() -> Self {
        Self { archive: Wanted::Due(Due::Due) }
    }

    /// Asks for days of a table, or of all.
    #[must_use]
    pub const fn days(from: Date, to: Date, table: Option<String>) -> Self {
        Self { archive: Wanted::Days(Days { from, to, table }) }
    }

    /// Returns the days that a person has asked for.
    pub(crate) fn wanted(&self) -> Option<&Days> {
        match &self.archive {
            Wanted::Due(_) => None,
            Wanted::Days(days) => Some(days),
        }
    }
}

/// The reply of `archive`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The files that were planned.
    pub planned: usize,
    /// The files that are there now and were not before.
    pub files: usize,
    /// The rows in those.
    pub rows: i64,
    /// The bytes of those.
    pub bytes: i64,
    /// The attempts that failed.
    pub failed: usize,
    /// The planned files of which no row was left: retention has deleted them since.
    pub withdrawn: usize,
    /// The files that are planned and not there; of the table, if days of one were asked for.
    pub left: i64,
    /// The lists of files that were written.
    pub listed: usize,
    /// The files that are written again, since their objects were gone.
    pub repaired: usize,
    /// Whether all files of the days were looked at, if days were asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub complete: Option<bool>,
    /// How long the oldest row or file has waited to be copied.
    pub waiting_seconds: u64,
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn an_event_is_of_the_schedule_or_names_days() {
        let read = |text: &str| serde_json::from_str::<Request>(text);
        assert_eq!(read(r#"{"archive":"due"}"#).unwrap(), Request::due());
        let (from, to) = (date(2026, 11, 1), date(2026, 11, 30));
        assert_eq!(
            read(r#"{"archive":{"from":"2026-11-01","to":"2026-11-30"}}"#).unwrap(),
            Request::days(from, to, None)
        );
        assert_eq!(
            read(r#"{"archive":{"table":"events","from":"2026-11-01","to":"2026-11-30"}}"#)
                .unwrap(),
            Request::days(from, to, Some("events".to_owned()))
        );
        for bad in [
            "{}",
            r#"{"archive":"now"}"#,
            r#"{"archive":{"from":"2026-11-01"}}"#,
            r#"{"archive":{"from":"2026-11-01","to":"2026-11-30","day":1}}"#,
            r#"{"archive":"due","table":"events"}"#,
        ] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
