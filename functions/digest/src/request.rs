//! The events of `digest`, and its reply.

use jiff::Timestamp;
use jiff::civil::Date;
use penstock_domain::digest::Message;
use serde::{Deserialize, Serialize};

/// An event of `digest`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(
    tag = "digest",
    rename_all = "camelCase",
    rename_all_fields = "camelCase",
    deny_unknown_fields
)]
pub enum Request {
    /// The schedule's event: send the digest of the day.
    Daily {
        /// The time for which the schedule was due, however late its event comes.
        scheduled_at: Timestamp,
    },
    /// The rule's event, each minute: tell what begins and what ends, and send what waits.
    Check,
    /// Compose the digest, and send and store nothing.
    Preview,
    /// A person wants the digest of a day again, where it is not known to be sent.
    Again {
        /// The local day.
        day: Date,
    },
}

/// The reply of `digest`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Report {
    /// The messages that were planned.
    pub planned: usize,
    /// The sendings that channels have taken.
    pub sent: usize,
    /// The sendings that were put off, refused, or may have gone out.
    pub not_sent: usize,
    /// The message, if it was only composed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub preview: Option<Message>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_event_is_one_of_four_and_names_the_time_for_which_it_was_due() {
        let read = |text: &str| serde_json::from_str::<Request>(text);
        let daily = read(r#"{"digest":"daily","scheduledAt":"2026-03-29T07:00:00Z"}"#).unwrap();
        let scheduled_at = "2026-03-29T07:00:00Z".parse().unwrap();
        assert_eq!(daily, Request::Daily { scheduled_at });
        assert_eq!(read(r#"{"digest":"check"}"#).unwrap(), Request::Check);
        let day = "2026-03-29".parse().unwrap();
        assert_eq!(
            read(r#"{"digest":"again","day":"2026-03-29"}"#).unwrap(),
            Request::Again { day }
        );
        for bad in
            ["{}", r#"{"digest":"daily"}"#, r#"{"digest":"weekly"}"#, r#"{"digest":"again"}"#]
        {
            assert!(read(bad).is_err(), "{bad}");
        }
    }
}
