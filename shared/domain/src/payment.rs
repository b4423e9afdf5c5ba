//! A money object as Penstock keeps it, and which of two versions of it wins.

use jiff::Timestamp;

use crate::disposition::ReasonKind;
use crate::money::Currency;
use crate::record::RowView;
use crate::version::{Precedence, Version, Versioned};

/// The kind of payment: `payments.kind`. It equals the vendor's entity, `outbox.entity`, except for
/// objects that came inside another's row, such as the refunds in an older charge.
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
    /// Returns the word in `payments.kind`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Charge => "charge",
            Self::Refund => "refund",
            Self::Dispute => "dispute",
            Self::Deal => "deal",
        }
    }

    /// Reads the word in `payments.kind`; `None` if no kind has it.
    pub fn parse(word: &str) -> Option<Self> {
        let all = [Self::Charge, Self::Refund, Self::Dispute, Self::Deal];
        all.into_iter().find(|kind| kind.as_str() == word)
    }
}

/// The state of the money.
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
    /// The newest version cannot be read: counts as nothing, and is listed.
    Unreadable,
}

impl Status {
    /// Returns the word in `payments.status`.
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
            Self::Unreadable => "unreadable",
        }
    }

    /// Reads the word in `payments.status`; `None` if no status has it that a map may give.
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

    /// Returns how far along its life this status is. Of two versions with the same time-stamp, the
    /// one with the larger rank wins. One that cannot be read may say anything, so it wins.
    pub fn rank(self) -> i16 {
        match self {
            Self::Unmapped => 0,
            Self::Pending | Self::RefundPending | Self::Inquiry => 1,
            Self::Authorized | Self::DisputeOpen => 2,
            Self::Failed | Self::Refunded | Self::Disputed => 3,
            Self::Collected | Self::RefundCanceled | Self::Released | Self::DisputeWon => 4,
            Self::Canceled | Self::RefundFailed => 5,
            Self::Unreadable => 6,
        }
    }
}

/// One version of one money object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// Charge, refund, dispute or deal.
    pub kind: Kind,
    /// The vendor's id of the object.
    pub external_id: String,
    /// In ISO 4217 minor units of `currency`. A negative amount is a credit.
    pub amount: i64,
    /// The currency of `amount`.
    pub currency: Currency,
    /// The state of the money, by the source's map.
    pub status: Status,
    /// The vendor's own word for the status, with NUL shown as `␀`.
    pub raw_status: String,
    /// The time at which the money moved. It decides the day that the payment counts on.
    pub occurred_at: Timestamp,
    /// The account that the object belongs to, if it is another than the one whose key `fetch` has.
    /// That key cannot read it, and no list of ours shows it.
    pub account: Option<String>,
    pub version: Version,
}

impl Payment {
    /// Returns what a row says that cannot be read: that its object counts as nothing until a
    /// version can be.
    pub fn unreadable(kind: Kind, row: RowView<'_>, why: ReasonKind) -> Self {
        Self {
            kind,
            external_id: row.external_id.to_owned(),
            amount: 0,
            currency: Currency::NONE,
            status: Status::Unreadable,
            raw_status: why.as_str().to_owned(),
            occurred_at: row.version_at,
            account: None,
            version: Version::unreadable(row),
        }
    }

    /// Returns whether two versions of one object say the same about the money.
    pub fn agrees_with(&self, other: &Self) -> bool {
        (self.amount, self.currency, self.status, &self.raw_status, self.occurred_at)
            == (other.amount, other.currency, other.status, &other.raw_status, other.occurred_at)
    }
}

impl Versioned for Payment {
    fn version(&self) -> &Version {
        &self.version
    }

    fn key(&self) -> (&str, &str) {
        (self.kind.as_str(), &self.external_id)
    }

    fn rank(&self) -> i16 {
        self.status.rank()
    }

    /// Of two captures with the same time-stamp and status, the larger wins.
    fn precedence(&self) -> Precedence {
        (self.version.at, self.rank(), self.amount, self.version.content_hash)
    }

    fn tie(&self, other: &Self) -> Option<(&str, &str)> {
        let readable = self.account.is_none() && other.account.is_none();
        (readable && !self.agrees_with(other)).then(|| self.key())
    }
}
