//! A person as a CRM knows them, and which of two versions of them stands.

use std::ops::Range;

use jiff::Timestamp;

use crate::payment::{Stamp, content_hash};
use crate::record::{RowView, became_what};

/// One version of one contact. It stands as a whole: a tombstone that says nothing of names leaves none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The vendor's id.
    pub external_id: String,
    /// As the vendor has it; NUL made visible, as in all that follow.
    pub email: Option<String>,
    /// As the vendor has it.
    pub phone: Option<String>,
    /// Given name.
    pub first_name: Option<String>,
    /// Family name.
    pub last_name: Option<String>,
    /// The id of the contact that has taken this one's place.
    pub merged_into: Option<String>,
    /// Since when it is gone from the vendor's lists, or known to be. The row stays.
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

impl Contact {
    /// The contact of a tombstone row: gone, and nothing else known, but perhaps what it has become.
    pub fn vanished(row: RowView<'_>) -> Self {
        Self {
            external_id: row.external_id.to_owned(),
            email: None,
            phone: None,
            first_name: None,
            last_name: None,
            merged_into: became_what(row.payload),
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

    /// What versions of one contact are ordered by.
    pub fn precedence(&self) -> (Timestamp, i16, i64) {
        (self.version_at, self.rank(), self.content_hash)
    }
}
