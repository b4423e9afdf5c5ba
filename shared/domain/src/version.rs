//! One version of an object, and which of two versions wins.

use std::ops::Range;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::record::RowView;

/// The origin of a version's time-stamp.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// The vendor stamped the change itself, as in an event.
    Native,
    /// The object was seen at that time, in a list or by id. The time of its change is not known.
    Observed,
}

/// A bytea has 1 GiB at most. The upsert cuts no more out of a payload than there is.
const LONGEST_PAYLOAD: usize = 1 << 30;

/// The time at which a version was current, and the place of its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Version {
    /// The time at which this version was current.
    pub at: Timestamp,
    /// The origin of `at`.
    pub stamp: Stamp,
    /// The object's place in the payload of its outbox row. The upsert cuts it out of there.
    pub raw: Range<usize>,
    /// [`content_hash`] of the object.
    pub content_hash: i64,
}

impl Version {
    /// Creates a version whose object is the row's whole payload.
    pub fn of(row: RowView<'_>, stamp: Stamp) -> Self {
        let (raw, content_hash) = (0..row.payload.len(), content_hash(row.payload));
        Self { at: row.version_at, stamp, raw, content_hash }
    }

    /// Creates a version that cannot be read. It needs no payload. Like a change that the vendor
    /// stamped, it always moves the object on, or an older version that comes late could undo it.
    pub fn unreadable(row: RowView<'_>) -> Self {
        Self { at: row.version_at, stamp: Stamp::Native, raw: 0..LONGEST_PAYLOAD, content_hash: 0 }
    }

    /// Creates a version whose object is `part`, which must be a slice of the row's payload.
    pub fn of_part(row: RowView<'_>, part: &str, stamp: Stamp) -> Self {
        let start = part.as_ptr().addr() - row.payload.as_ptr().addr();
        Self {
            at: row.version_at,
            stamp,
            raw: start..start + part.len(),
            content_hash: content_hash(part.as_bytes()),
        }
    }
}

/// The order of the versions of one object: time, rank, amount, content hash.
///
/// The upserts compare the same tuple, so every order of arrival ends the same.
pub type Precedence = (Timestamp, i16, i64, i64);

/// An object whose versions arrive in any order. The one with the largest precedence wins.
pub trait Versioned {
    /// Returns the time and place of this version.
    fn version(&self) -> &Version;

    /// Returns the object's identity within its source: the group that its id is unique in, and the
    /// id. The group is empty if ids are unique in the whole source.
    fn key(&self) -> (&str, &str);

    /// Returns the rank. Of two versions with the same time-stamp, the one with the larger rank
    /// wins.
    fn rank(&self) -> i16;

    /// See [`Precedence`].
    fn precedence(&self) -> Precedence {
        let Version { at, content_hash, .. } = *self.version();
        (at, self.rank(), 0, content_hash)
    }

    /// Returns entity and id of the object to refetch, if `other` is a version of it with the same
    /// time-stamp that says something else. `None` leaves it to the precedence.
    fn tie(&self, _other: &Self) -> Option<(&str, &str)> {
        None
    }
}

/// Returns 64 bits of the SHA-256 of a JSON text without the white space between its tokens. A list
/// indents the same object otherwise than an event does.
pub fn content_hash(json: &[u8]) -> i64 {
    let mut hasher = Sha256::new();
    let mut start = 0;
    let (mut in_string, mut escaped) = (false, false);
    for (i, byte) in json.iter().enumerate() {
        if in_string {
            match byte {
                _ if escaped => escaped = false,
                b'\\' => escaped = true,
                b'"' => in_string = false,
                _ => {}
            }
        } else if byte.is_ascii_whitespace() {
            if start < i {
                hasher.update(&json[start..i]);
            }
            start = i + 1;
        } else if *byte == b'"' {
            in_string = true;
        }
    }
    hasher.update(&json[start..]);
    let digest = hasher.finalize();
    let mut head = [0; 8];
    head.copy_from_slice(&digest[..8]);
    i64::from_be_bytes(head)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn white_space_between_tokens_is_not_content_but_within_strings_it_is() {
        let compact = content_hash(br#"{"a":"x y \" z","b":[1,2]}"#);
        assert_eq!(compact, content_hash(b"{\n  \"a\": \"x y \\\" z\",\n  \"b\": [1, 2]\n}\n"));
        assert_ne!(compact, content_hash(br#"{"a":"xy \" z","b":[1,2]}"#));
        assert_ne!(compact, content_hash(br#"{"a":"x y \" z","b":[1,3]}"#));
    }
}
