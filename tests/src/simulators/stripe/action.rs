//! The actions in the account: when each is allowed, and which events Stripe sends for it.
//!
//! Sources: <https://docs.stripe.com/api/events/types>, <https://docs.stripe.com/refunds>,
//! <https://docs.stripe.com/disputes/how-disputes-work>, and the changelog of 2024-10-28
//! (`refund.created`, `.updated`, `.failed` for every refund).

use super::currency::Currency;
use super::event::{Emitted, EventType as E};
use super::model::{ChargeStatus, DisputeStatus as D, RefundStatus as R};
use super::state::StripeAccount;

/// The first state of a new charge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// Charged and captured at once.
    Captured,
    /// Authorised, not captured.
    Authorised,
    /// Declined.
    Declined,
    /// A bank debit that is under way.
    Debit,
}

/// An action in the account. It names objects by their index; see [`StripeAccount::find`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Makes a charge of `amount`, in Stripe's units.
    Charge { amount: i64, currency: Currency, outcome: Outcome },
    /// Fills in the balance transaction of a charge: `charge.updated`.
    Settle { charge: u32 },
    /// Captures an authorisation, `amount` of it.
    Capture {
        charge: u32,
        /// The charge's new `amount_captured`.
        amount: i64,
    },
    /// Lets an authorisation expire.
    Expire { charge: u32 },
    /// Ends a bank debit: the money arrives or comes back.
    DebitEnds {
        charge: u32,
        /// Whether the money arrives.
        succeeds: bool,
    },
    /// Refunds a charge, in full or in part.
    Refund {
        charge: u32,
        amount: i64,
        /// The refund's first status.
        status: R,
    },
    /// Changes a refund's status.
    RefundBecomes { refund: u32, status: R },
    /// Opens a dispute of a charge.
    Dispute {
        charge: u32,
        amount: i64,
        /// The dispute's first status.
        status: D,
    },
    /// Changes a dispute's status.
    DisputeBecomes { dispute: u32, status: D },
    /// Changes a charge's metadata.
    NoteCharge { charge: u32 },
    /// Changes a refund's metadata.
    NoteRefund { refund: u32 },
    /// Changes a dispute's metadata.
    NoteDispute { dispute: u32 },
}

/// The result of an action: the object that it made or changed, and the events, by index.
#[derive(Clone, Debug)]
pub struct Applied {
    /// The index of the charge, refund or dispute.
    pub object: u32,
    /// The new events, oldest first.
    pub events: Vec<u32>,
}

impl StripeAccount {
    /// Applies `action` now and returns its events. Returns `None` if Stripe would refuse the
    /// action.
    pub fn act(&mut self, action: Action) -> Option<Vec<Emitted>> {
        let applied = self.apply(action, self.now())?;
        Some(applied.events.iter().filter_map(|&e| self.emitted(e)).collect())
    }

    /// Applies `action` at Unix second `at`, and returns indices instead of bodies. Returns `None`
    /// if Stripe would refuse the action.
    pub fn apply(&mut self, action: Action, at: i64) -> Option<Applied> {
        if !self.allows(action) {
            return None;
        }
        match action {
            Action::Charge { amount, currency, outcome } => {
                self.add_charge(amount, currency, outcome, at)
            }
            Action::Settle { charge } => {
                self.edit_charge(charge, at, &[E::ChargeUpdated], |c| c.settled = true)
            }
            Action::Capture { charge, amount } => self.capture(charge, amount, at),
            Action::Expire { charge } => self.expire(charge, at),
            Action::DebitEnds { charge, succeeds } => self.end_debit(charge, succeeds, at),
            Action::Refund { charge, amount, status } => {
                self.add_refund(charge, amount, status, false, at)
            }
            Action::RefundBecomes { refund, status } => self.move_refund(refund, status, at),
            Action::Dispute { charge, amount, status } => {
                self.add_dispute(charge, amount, status, at)
            }
            Action::DisputeBecomes { dispute, status } => self.move_dispute(dispute, status, at),
            Action::NoteCharge { charge } => {
                self.edit_charge(charge, at, &[E::ChargeUpdated], |c| c.notes += 1)
            }
            Action::NoteRefund { refund } => {
                self.edit_refund(refund, at, &[E::RefundUpdated, E::ChargeRefundUpdated], |r| {
                    r.notes += 1
                })
            }
            Action::NoteDispute { dispute } => {
                self.edit_dispute(dispute, at, &[E::DisputeUpdated], |d| d.notes += 1)
            }
        }
    }

    /// Returns whether Stripe would accept `action` in the present state.
    #[must_use]
    pub fn allows(&self, action: Action) -> bool {
        self.allows_charge_action(action)
            .or_else(|| self.allows_refund_or_dispute_action(action))
            .unwrap_or(false)
    }

    fn allows_charge_action(&self, action: Action) -> Option<bool> {
        let fits = |c: Currency, amount: i64| amount > 0 && amount % c.step() == 0;
        Some(match action {
            Action::Charge { amount, currency, .. } => fits(currency, amount),
            Action::Settle { charge } => self.charge(charge).is_some_and(|c| !c.settled),
            Action::Capture { charge, amount } => self
                .charge(charge)
                .is_some_and(|c| c.is_open() && amount <= c.amount && fits(c.currency, amount)),
            Action::Expire { charge } => self.charge(charge).is_some_and(|c| c.is_open()),
            Action::DebitEnds { charge, .. } => {
                self.charge(charge).is_some_and(|c| c.status == ChargeStatus::Pending)
            }
            Action::NoteCharge { charge } => {
                self.charge(charge).is_some_and(|c| c.notes < u16::MAX)
            }
            Action::Refund { charge, amount, status } => self.charge(charge).is_some_and(|c| {
                let frozen = self.dispute(c.dispute).is_some_and(|d| d.status.is_chargeback());
                let starts = matches!(status, R::Succeeded | R::Pending | R::RequiresAction);
                starts && !frozen && amount <= c.refundable() && fits(c.currency, amount)
            }),
            Action::Dispute { charge, amount, status } => self.charge(charge).is_some_and(|c| {
                let starts =
                    matches!(status, D::NeedsResponse | D::WarningNeedsResponse | D::Prevented);
                let free = self.dispute(c.dispute).is_none();
                starts && free && amount <= c.refundable() && fits(c.currency, amount)
            }),
            _ => return None,
        })
    }

    fn allows_refund_or_dispute_action(&self, action: Action) -> Option<bool> {
        Some(match action {
            Action::RefundBecomes { refund, status } => {
                let from = self.refund(refund).filter(|r| !r.release)?.status;
                matches!(
                    (from, status),
                    (R::Pending, R::Succeeded | R::Failed)
                        | (R::RequiresAction, R::Pending | R::Succeeded | R::Failed | R::Canceled)
                        | (R::Succeeded, R::Failed)
                )
            }
            Action::DisputeBecomes { dispute, status } => matches!(
                (self.dispute(dispute)?.status, status),
                (D::WarningNeedsResponse, D::WarningUnderReview)
                    | (D::WarningNeedsResponse | D::WarningUnderReview, D::WarningClosed)
                    | (D::WarningNeedsResponse | D::WarningUnderReview, D::NeedsResponse)
                    | (D::NeedsResponse, D::UnderReview | D::Lost)
                    | (D::UnderReview, D::Won | D::Lost)
            ),
            Action::NoteRefund { refund } => self.refund(refund)?.notes < u16::MAX,
            Action::NoteDispute { dispute } => self.dispute(dispute)?.notes < u16::MAX,
            _ => return None,
        })
    }
}
