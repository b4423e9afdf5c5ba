//! A person as a CRM knows them, and which of two versions of them wins.

use jiff::Timestamp;

use crate::record::{RowView, became_what};
use crate::version::{Stamp, Version, Versioned};

/// One version of one contact. It replaces the one before as a whole: a tombstone, which knows no
/// names, leaves none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The vendor's id.
    pub external_id: String,
    /// The vendor's text, as in the next fields, with NUL shown as `␀`.
    pub email: Option<String>,
    /// Not normalized: vendors keep what people type.
    pub phone: Option<String>,
    /// The given name.
    pub first_name: Option<String>,
    /// The family name.
    pub last_name: Option<String>,
    /// The id of the contact that this one was merged into.
    pub merged_into: Option<String>,
    /// The time of the deletion at the vendor, or the time at which we learnt of it. The row is
    /// kept.
    pub deleted_at: Option<Timestamp>,
    /// Whether this version cannot be read, so that nothing is known of the contact.
    pub is_unreadable: bool,
    pub version: Version,
}

impl Contact {
    /// Returns the contact that a tombstone row says. It is deleted, and at most the contact that
    /// it was merged into is known.
    pub fn vanished(row: RowView<'_>) -> Self {
        Self {
            merged_into: became_what(row.payload),
            deleted_at: Some(row.version_at),
            ..Self::unknown(row, Version::of(row, Stamp::Observed))
        }
    }

    /// Returns what a row says that cannot be read: that the contact has changed, and no more.
    pub fn unreadable(row: RowView<'_>) -> Self {
        Self { is_unreadable: true, ..Self::unknown(row, Version::unreadable(row)) }
    }

    fn unknown(row: RowView<'_>, version: Version) -> Self {
        Self {
            external_id: row.external_id.to_owned(),
            email: None,
            phone: None,
            first_name: None,
            last_name: None,
            merged_into: None,
            deleted_at: None,
            is_unreadable: false,
            version,
        }
    }
}

impl Versioned for Contact {
    fn version(&self) -> &Version {
        &self.version
    }

    fn key(&self) -> (&str, &str) {
        ("", &self.external_id)
    }

    /// A deletion wins, and over both a version that cannot be read, which may say anything.
    fn rank(&self) -> i16 {
        if self.is_unreadable { 2 } else { i16::from(self.deleted_at.is_some()) }
    }
}
