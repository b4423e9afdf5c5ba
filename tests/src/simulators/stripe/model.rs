//! The three money objects as small structs. [`super::render`] makes their JSON on demand.
//!
//! Amounts are in Stripe's units of the charge's currency, times in Unix seconds.

use super::currency::Currency;

/// "No object" in the links between charges, refunds and disputes.
pub const NONE: u32 = u32::MAX;

/// The values of a charge's `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChargeStatus {
    /// The payment or the authorisation succeeded.
    Succeeded,
    /// A bank debit that has not settled yet.
    Pending,
    /// Declined, or a bank debit that came back.
    Failed,
}

impl ChargeStatus {
    /// Returns the status in Stripe's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Pending => "pending",
            Self::Failed => "failed",
        }
    }
}

/// The values of a refund's `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RefundStatus {
    /// Waits for the network or for the balance.
    Pending,
    /// Waits for the customer.
    RequiresAction,
    /// Paid back.
    Succeeded,
    /// Came back, possibly after it had succeeded.
    Failed,
    /// Canceled while it required an action.
    Canceled,
}

impl RefundStatus {
    /// Returns the status in Stripe's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Pending => "pending",
            Self::RequiresAction => "requires_action",
            Self::Succeeded => "succeeded",
            Self::Failed => "failed",
            Self::Canceled => "canceled",
        }
    }

    /// Returns whether the charge's `amount_refunded` still counts the refund.
    #[must_use]
    pub const fn stands(self) -> bool {
        !matches!(self, Self::Failed | Self::Canceled)
    }
}

/// The values of a dispute's `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DisputeStatus {
    /// An inquiry that waits for an answer.
    WarningNeedsResponse,
    /// An inquiry that was answered.
    WarningUnderReview,
    /// An inquiry that never became a chargeback.
    WarningClosed,
    /// A chargeback that waits for evidence.
    NeedsResponse,
    /// A chargeback whose evidence the bank weighs.
    UnderReview,
    /// Won: the money came back.
    Won,
    /// Lost: the money is gone.
    Lost,
    /// Settled by the network before it became a chargeback.
    Prevented,
}

impl DisputeStatus {
    /// Returns the status in Stripe's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::WarningNeedsResponse => "warning_needs_response",
            Self::WarningUnderReview => "warning_under_review",
            Self::WarningClosed => "warning_closed",
            Self::NeedsResponse => "needs_response",
            Self::UnderReview => "under_review",
            Self::Won => "won",
            Self::Lost => "lost",
            Self::Prevented => "prevented",
        }
    }

    /// Returns whether Stripe takes the money while the dispute runs. It does not for inquiries.
    #[must_use]
    pub const fn is_chargeback(self) -> bool {
        matches!(self, Self::NeedsResponse | Self::UnderReview | Self::Won | Self::Lost)
    }

    /// Returns whether the status is final.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Won | Self::Lost | Self::WarningClosed | Self::Prevented)
    }
}

/// A charge as the account keeps it.
#[derive(Clone, Copy, Debug)]
pub struct Charge {
    pub created: i64,
    /// The Unix second from which lists show it; later than `created` if it is late.
    pub visible_at: i64,
    /// The requested amount.
    pub amount: i64,
    /// Stripe's `amount_captured`.
    pub captured_amount: i64,
    /// Stripe's `amount_refunded`.
    pub refunded_amount: i64,
    /// The index of its newest refund; [`NONE`] without one.
    pub last_refund: u32,
    /// The index of its dispute; [`NONE`] without one.
    pub dispute: u32,
    /// How often its metadata was changed.
    pub notes: u16,
    pub currency: Currency,
    pub status: ChargeStatus,
    pub captured: bool,
    /// Whether an uncaptured authorisation expired.
    pub expired: bool,
    /// Whether it was paid by bank debit: its id is `py_…`.
    pub bank_debit: bool,
    /// Whether `balance_transaction` is filled in yet.
    pub settled: bool,
}

impl Charge {
    /// Returns the amount that may still be refunded.
    #[must_use]
    pub const fn refundable(&self) -> i64 {
        match (self.status, self.captured) {
            (ChargeStatus::Succeeded, true) => self.captured_amount - self.refunded_amount,
            _ => 0,
        }
    }

    /// Returns Stripe's `refunded`: whether the charge was refunded in full.
    #[must_use]
    pub const fn is_refunded(&self) -> bool {
        self.refunded_amount > 0
            && (self.expired || self.refunded_amount >= self.amount || self.is_all_back())
    }

    const fn is_all_back(&self) -> bool {
        self.captured && self.refunded_amount >= self.captured_amount
    }

    /// Returns Stripe's `paid`: whether the charge succeeded.
    #[must_use]
    pub const fn is_paid(&self) -> bool {
        matches!(self.status, ChargeStatus::Succeeded)
    }
}

/// A refund as the account keeps it.
#[derive(Clone, Copy, Debug)]
pub struct Refund {
    pub created: i64,
    /// The Unix second from which lists show it.
    pub visible_at: i64,
    pub amount: i64,
    /// The charge's index.
    pub charge: u32,
    /// The index of the charge's refund before this one; [`NONE`] for the first.
    pub previous: u32,
    /// How often its metadata was changed.
    pub notes: u16,
    pub status: RefundStatus,
    /// Whether it had succeeded before it failed.
    pub had_succeeded: bool,
    /// Whether it only releases an authorisation: `balance_transaction` stays null.
    pub release: bool,
}

/// A dispute as the account keeps it.
#[derive(Clone, Copy, Debug)]
pub struct Dispute {
    pub created: i64,
    /// The Unix second from which lists show it.
    pub visible_at: i64,
    pub amount: i64,
    /// The Unix second at which Stripe took the money; 0 if it did not.
    pub withdrawn_at: i64,
    /// The Unix second at which Stripe gave the money back; 0 if it did not.
    pub reinstated_at: i64,
    /// The charge's index.
    pub charge: u32,
    /// How often its metadata was changed.
    pub notes: u16,
    /// Stripe's `evidence_details.submission_count`.
    pub submissions: u16,
    pub status: DisputeStatus,
}
