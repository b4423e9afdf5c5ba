//! An entry of a calendar, and which of two versions of it stands.

use std::ops::Range;

use jiff::Timestamp;
use jiff::civil::Date;

use crate::payment::{Stamp, content_hash};
use crate::record::RowView;

/// When an entry takes place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Not known: a tombstone carries no times.
    Unknown,
    /// From one instant to another; they may be the same.
    Timed {
        /// Inclusive.
        start: Timestamp,
        /// Exclusive.
        end: Timestamp,
    },
    /// Whole days, in no zone: a birthday is the same day everywhere.
    AllDay {
        /// The first day.
        start: Date,
        /// The day after the last.
        end: Date,
    },
}

/// One version of one entry. It stands as a whole: a tombstone that says nothing of the summary leaves none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarEvent {
    /// The vendor's id of the calendar.
    pub calendar_id: String,
    /// The vendor's id of the entry within it.
    pub external_id: String,
    /// The vendor's word: confirmed, tentative, cancelled.
    pub status: String,
    /// Its title, NUL made visible.
    pub summary: Option<String>,
    /// When it takes place.
    pub when: When,
    /// The series that it is an instance of.
    pub recurring_event_id: Option<String>,
    /// Since when it is cancelled or gone, or known to be. The row stays.
    pub deleted_at: Option<Timestamp>,
    /// When this version was current.
    pub version_at: Timestamp,
    /// Who stamped `version_at`.
    pub stamp: Stamp,
    /// Where in the outbox row's payload the object stands.
    pub raw: Range<usize>,
    /// Of the object, blind to white space.
    pub content_hash: i64,
}

impl CalendarEvent {
    /// The entry of a tombstone row: cancelled, and nothing else known.
    pub fn vanished(calendar_id: &str, row: RowView<'_>) -> Self {
        Self {
            calendar_id: calendar_id.to_owned(),
            external_id: row.external_id.to_owned(),
            status: "cancelled".to_owned(),
            summary: None,
            when: When::Unknown,
            recurring_event_id: None,
            deleted_at: Some(row.version_at),
            version_at: row.version_at,
            stamp: Stamp::Observed,
            raw: 0..row.payload.len(),
            content_hash: content_hash(row.payload),
        }
    }

    /// Of two versions with the same time-stamp the one that says it is gone stands.
    pub fn rank(&self) -> i16 {
        i16::from(self.deleted_at.is_some())
    }

    /// What versions of one entry are ordered by.
    pub fn precedence(&self) -> (Timestamp, i16, i64) {
        (self.version_at, self.rank(), self.content_hash)
    }
}
