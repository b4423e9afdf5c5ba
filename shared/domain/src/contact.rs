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
    /// When this version was current, and where its bytes are.
    pub version: Version,
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
            version: Version::of(row, Stamp::Observed),
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

    /// A deletion wins.
    fn rank(&self) -> i16 {
        i16::from(self.deleted_at.is_some())
    }
}
