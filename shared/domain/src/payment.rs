//! A money object as Penstock keeps it, and which of two versions of it stands.

use std::ops::Range;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::money::Currency;

/// What kind of movement it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Money asked for from a customer.
    Charge,
    /// Money given back.
    Refund,
    /// Money contested through the customer's bank.
    Dispute,
    /// A sale as a CRM knows it.
    Deal,
}

impl Kind {
    /// The word as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Dispute => "dispute",
            Self::Deal => "deal",
        }
    }
}

/// What has become of the money.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Status {
    /// Charged and captured: gross revenue.
    Collected,
    /// Reserved on the card, not captured.
    Authorized,
    /// Under way.
    Pending,
    /// Did not go through.
    Failed,
    /// Released without being captured.
    Canceled,
    /// Given back: lowers revenue.
    Refunded,
    /// A refund under way.
    RefundPending,
    /// A refund that did not arrive, perhaps after it had succeeded.
    RefundFailed,
    /// A refund called off.
    RefundCanceled,
    /// A refund object that gives back an authorisation: nothing had been collected.
    Released,
    /// Contested, not decided.
    DisputeOpen,
    /// Contested and lost: lowers revenue.
    Disputed,
    /// Contested and closed without a loss.
    DisputeWon,
    /// A question from the bank; no money has moved.
    Inquiry,
    /// A status that no map knows: counts as nothing, and is listed.
    Unmapped,
}

impl Status {
    /// The word as stored.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Collected => "collected",
            Self::Authorized => "authorized",
            Self::Pending => "pending",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
            Self::Refunded => "refunded",
            Self::RefundPending => "refund_pending",
            Self::RefundFailed => "refund_failed",
            Self::RefundCanceled => "refund_canceled",
            Self::Released => "released",
            Self::DisputeOpen => "dispute_open",
            Self::Disputed => "disputed",
            Self::DisputeWon => "dispute_won",
            Self::Inquiry => "inquiry",
            Self::Unmapped => "unmapped",
        }
    }

    /// The status of that word; `None` where there is none.
    pub fn parse(word: &str) -> Option<Self> {
        const ALL: [Status; 15] = [
            Status::Collected,
            Status::Authorized,
            Status::Pending,
            Status::Failed,
            Status::Canceled,
            Status::Refunded,
            Status::RefundPending,
            Status::RefundFailed,
            Status::RefundCanceled,
            Status::Released,
            Status::DisputeOpen,
            Status::Disputed,
            Status::DisputeWon,
            Status::Inquiry,
            Status::Unmapped,
        ];
        ALL.into_iter().find(|status| status.as_str() == word)
    }

    /// How far along its life this status is: of two versions with the same time-stamp the later stands.
    pub fn rank(self) -> i16 {
        match self {
            Self::Unmapped => 0,
            Self::Pending | Self::RefundPending | Self::Inquiry => 1,
            Self::Authorized | Self::DisputeOpen => 2,
            Self::Failed | Self::Refunded | Self::Disputed => 3,
            Self::Collected | Self::RefundCanceled | Self::Released | Self::DisputeWon => 4,
            Self::Canceled | Self::RefundFailed => 5,
        }
    }
}

/// How a version came to be known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stamp {
    /// The vendor stamped the change itself (an event).
    Native,
    /// We saw the object at that time (a list, a second look); when it changed is not known.
    Observed,
}

/// One version of one money object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// What kind of movement.
    pub kind: Kind,
    /// The vendor's id of it.
    pub external_id: String,
    /// ISO 4217 minor units.
    pub amount: i64,
    /// Of `amount`.
    pub currency: Currency,
    /// What has become of the money.
    pub status: Status,
    /// The vendor's own word for it, NUL made visible.
    pub raw_status: String,
    /// When the movement happened: which day it counts on.
    pub occurred_at: Timestamp,
    /// When this version was current.
    pub version_at: Timestamp,
    /// Who stamped `version_at`.
    pub stamp: Stamp,
    /// Where in the outbox row's payload the object stands.
    pub raw: Range<usize>,
    /// Of the object, blind to white space.
    pub content_hash: i64,
}

impl Payment {
    /// What versions of one object are ordered by: the time, then how far along, then the amount (of two
    /// captures the larger), then the content, so that every order of arrival ends the same.
    pub fn precedence(&self) -> (Timestamp, i16, i64, i64) {
        (self.version_at, self.status.rank(), self.amount, self.content_hash)
    }

    /// Whether two versions of one object say the same of the money.
    pub fn agrees_with(&self, other: &Self) -> bool {
        (self.amount, self.currency, self.status, &self.raw_status, self.occurred_at)
            == (other.amount, other.currency, other.status, &other.raw_status, other.occurred_at)
    }
}

/// 64 bits of the SHA-256 of a JSON text without the white space between its tokens: a list indents the
/// same object otherwise than an event does.
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
