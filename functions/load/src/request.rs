//! The events of `load`, and its reply.

use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// An event of `load`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    tag = "load",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Request {
    /// The rule's event: load what is written and not in BigQuery.
    Due,
    /// A person has removed the cause: try what waits for a person again, and at once.
    Retry,
    /// A person wants days replaced, such as after the database was restored.
    Rebuild {
        /// The table; all of them if it is left out.
        #[serde(default)]
        table: Option<String>,
        /// The first day of arrival, in UTC.
        from: Date,
        /// The last day.
        to: Date,
    },
}

/// The reply of `load`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The files that are in BigQuery since this invocation.
    pub loaded: usize,
    /// The rows of these files, as BigQuery counts them.
    pub rows: i64,
    /// The days that were replaced.
    pub rebuilt: usize,
    /// The files that wait.
    pub waiting: i64,
    /// The loads, days and tables that wait for a person.
    pub parked: i64,
    /// The seconds for which BigQuery is asked nothing.
    pub rests_s: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_the_rules_or_a_persons() {
        let read = |text: &str| serde_json::from_str::<Request>(text);
        assert_eq!(read(r#"{"load":"due"}"#).unwrap(), Request::Due);
        assert_eq!(read(r#"{"load":"retry"}"#).unwrap(), Request::Retry);
        let days = r#"{"load":"rebuild","from":"2026-11-01","to":"2026-11-29"}"#;
        let (from, to) = ("2026-11-01".parse().unwrap(), "2026-11-29".parse().unwrap());
        assert_eq!(read(days).unwrap(), Request::Rebuild { table: None, from, to });
        for bad in ["{}", r#"{"load":"all"}"#, r#"{"load":"rebuild","from":"2026-11-01"}"#] {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
