//! The three money objects as small structs; their JSON is made on demand by [`super::render`].
//!
//! Amounts are in Stripe's units of the charge's currency, times in Unix seconds.

use super::currency::Currency;

/// "No object" in the links between charges, refunds and disputes.
pub const NONE: u32 = u32::MAX;

/// A charge's `status`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ChargeStatus {
    /// The payment (or the authorisation) went through.
    Succeeded,
    /// A bank debit that has not settled yet.
    Pending,
    /// Declined, or a bank debit that came back.
    Failed,
}

impl ChargeStatus {
    /// Stripe's word.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Succeeded => "succeeded",
            Self::Pending => "pending",
            Self::Failed => "failed",
        }
    }
}

/// A refund's `status`.
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
    /// Taken back while it required an action.
    Canceled,
}

impl RefundStatus {
    /// Stripe's word.
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

    /// Whether the charge's `amount_refunded` still counts the refund.
    #[must_use]
    pub const fn stands(self) -> bool {
        !matches!(self, Self::Failed | Self::Canceled)
    }
}

/// A dispute's `status`.
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
    /// Stripe's word.
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

    /// Whether Stripe takes the money while the dispute runs: not for inquiries.
    #[must_use]
    pub const fn is_chargeback(self) -> bool {
        matches!(self, Self::NeedsResponse | Self::UnderReview | Self::Won | Self::Lost)
    }

    /// Whether nothing changes any more.
    #[must_use]
    pub const fn is_closed(self) -> bool {
        matches!(self, Self::Won | Self::Lost | Self::WarningClosed | Self::Prevented)
    }
}

/// A charge.
#[derive(Clone, Copy, Debug)]
pub struct Charge {
    /// `created`.
    pub created: i64,
    /// From when lists show it; later than `created` where it is late.
    pub visible_at: i64,
    /// `amount`: what was asked for.
    pub amount: i64,
    /// `amount_captured`.
    pub captured_amount: i64,
    /// `amount_refunded`.
    pub refunded_amount: i64,
    /// The newest of its refunds, [`NONE`] without one.
    pub last_refund: u32,
    /// Its dispute, [`NONE`] without one.
    pub dispute: u32,
    /// How often its metadata was changed.
    pub notes: u16,
    /// `currency`.
    pub currency: Currency,
    /// `status`.
    pub status: ChargeStatus,
    /// `captured`.
    pub captured: bool,
    /// Whether an uncaptured authorisation ran out.
    pub expired: bool,
    /// Whether it was paid by bank debit: its id is `py_…`.
    pub bank_debit: bool,
    /// Whether `balance_transaction` is filled in yet.
    pub settled: bool,
}

impl Charge {
    /// What may still be refunded.
    #[must_use]
    pub const fn refundable(&self) -> i64 {
        match (self.status, self.captured) {
            (ChargeStatus::Succeeded, true) => self.captured_amount - self.refunded_amount,
            _ => 0,
        }
    }

    /// `refunded`: in full.
    #[must_use]
    pub const fn is_refunded(&self) -> bool {
        self.refunded_amount > 0
            && (self.expired || self.refunded_amount >= self.amount || self.is_all_back())
    }

    const fn is_all_back(&self) -> bool {
        self.captured && self.refunded_amount >= self.captured_amount
    }

    /// `paid`.
    #[must_use]
    pub const fn is_paid(&self) -> bool {
        matches!(self.status, ChargeStatus::Succeeded)
    }
}

/// A refund.
#[derive(Clone, Copy, Debug)]
pub struct Refund {
    /// `created`.
    pub created: i64,
    /// From when lists show it.
    pub visible_at: i64,
    /// `amount`.
    pub amount: i64,
    /// The charge's index.
    pub charge: u32,
    /// The charge's refund before this one, [`NONE`] for the first.
    pub previous: u32,
    /// How often its metadata was changed.
    pub notes: u16,
    /// `status`.
    pub status: RefundStatus,
    /// Whether it had succeeded before it failed.
    pub had_succeeded: bool,
    /// Whether it only releases an authorisation: `balance_transaction` stays null.
    pub release: bool,
}

/// A dispute.
#[derive(Clone, Copy, Debug)]
pub struct Dispute {
    /// `created`.
    pub created: i64,
    /// From when lists show it.
    pub visible_at: i64,
    /// `amount`.
    pub amount: i64,
    /// When Stripe took the money, 0 when it did not.
    pub withdrawn_at: i64,
    /// When Stripe gave it back, 0 when it did not.
    pub reinstated_at: i64,
    /// The charge's index.
    pub charge: u32,
    /// How often its metadata was changed.
    pub notes: u16,
    /// `evidence_details.submission_count`.
    pub submissions: u16,
    /// `status`.
    pub status: DisputeStatus,
}
