//! An entry of a calendar, and which of two versions of it wins.

use jiff::Timestamp;
use jiff::civil::Date;

use crate::record::RowView;
use crate::version::{Stamp, Version, Versioned};

/// The time of an entry, as instants or as whole days.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// A tombstone carries no times.
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

impl When {
    /// Returns start and end if they are instants.
    pub fn instants(self) -> Option<(Timestamp, Timestamp)> {
        match self {
            Self::Timed { start, end } => Some((start, end)),
            Self::AllDay { .. } | Self::Unknown => None,
        }
    }

    /// Returns the first day and the day after the last if the entry takes whole days.
    pub fn days(self) -> Option<(Date, Date)> {
        match self {
            Self::AllDay { start, end } => Some((start, end)),
            Self::Timed { .. } | Self::Unknown => None,
        }
    }
}

/// The status of an entry whose newest version cannot be read. It has no times and no summary.
pub const UNREADABLE: &str = "unreadable";

/// One version of one entry. It replaces the one before as a whole: a tombstone, which knows no
/// summary, leaves none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CalendarEvent {
    /// The vendor's id of the calendar.
    pub calendar_id: String,
    /// The vendor's id of the entry within it.
    pub external_id: String,
    /// The vendor's word: confirmed, tentative, cancelled. Our own is [`UNREADABLE`].
    pub status: String,
    /// The title, with NUL shown as `␀`.
    pub summary: Option<String>,
    pub when: When,
    /// The vendor's id of the series that the entry belongs to.
    pub recurring_event_id: Option<String>,
    /// The time of the cancellation or deletion, or the time at which we learnt of it. The row is
    /// kept.
    pub deleted_at: Option<Timestamp>,
    pub version: Version,
}

impl CalendarEvent {
    /// Returns the entry that a tombstone row says: cancelled, with nothing else known.
    pub fn vanished(calendar_id: &str, row: RowView<'_>) -> Self {
        Self {
            calendar_id: calendar_id.to_owned(),
            external_id: row.external_id.to_owned(),
            status: "cancelled".to_owned(),
            summary: None,
            when: When::Unknown,
            recurring_event_id: None,
            deleted_at: Some(row.version_at),
            version: Version::of(row, Stamp::Observed),
        }
    }

    /// Returns what a row says that cannot be read: that the entry has changed, and no more.
    pub fn unreadable(calendar_id: &str, row: RowView<'_>) -> Self {
        Self {
            calendar_id: calendar_id.to_owned(),
            external_id: row.external_id.to_owned(),
            status: UNREADABLE.to_owned(),
            summary: None,
            when: When::Unknown,
            recurring_event_id: None,
            deleted_at: None,
            version: Version::unreadable(row),
        }
    }
}

impl Versioned for CalendarEvent {
    fn version(&self) -> &Version {
        &self.version
    }

    fn key(&self) -> (&str, &str) {
        (&self.calendar_id, &self.external_id)
    }

    /// A deletion wins, and over both a version that cannot be read, which may say anything.
    fn rank(&self) -> i16 {
        if self.status == UNREADABLE { 2 } else { i16::from(self.deleted_at.is_some()) }
    }
}
