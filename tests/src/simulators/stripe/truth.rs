//! The account's books, calculated from the account's own state and from nothing else.
//!
//! - gross: `amount_captured` of succeeded, captured charges
//! - refunded: refunds that succeeded and moved money
//! - disputed: disputes that were lost
//! - net: gross - refunded - disputed
//!
//! All are in ISO 4217 minor units of one currency. Late objects are included.

use std::collections::BTreeMap;

use super::currency::Currency;
use super::id::Kind;
use super::model::{Charge, ChargeStatus, Dispute, DisputeStatus, NONE, Refund, RefundStatus};
use super::state::StripeAccount;

/// The sums of one currency, in ISO 4217 minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// The captured amounts.
    pub gross: i128,
    /// The amounts that were paid back.
    pub refunded: i128,
    /// The amounts that were lost in disputes.
    pub disputed: i128,
    /// The rest of gross.
    pub net: i128,
    /// The number of charges in `gross`.
    pub charges: u64,
    /// The number of refunds in `refunded`.
    pub refunds: u64,
    /// The number of disputes in `disputed`.
    pub disputes: u64,
}

/// A charge, refund or dispute in its true state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TruthRow {
    pub kind: Kind,
    pub id: String,
    /// Stripe's `amount`, in ISO 4217 minor units.
    pub amount_iso_minor: i128,
    /// The part of gross, refunded or disputed, in ISO 4217 minor units; 0 if the object does not
    /// count.
    pub counted_iso_minor: i128,
    /// In upper case.
    pub currency: &'static str,
    /// Stripe's `status`.
    pub raw_status: &'static str,
    /// Unix seconds.
    pub created: i64,
    /// Whether no money ever moves: an authorisation that expired, or the refund object of its
    /// release.
    pub void: bool,
}

/// The sums by currency, in upper case.
pub type Ledger = BTreeMap<String, Totals>;

fn counted_charge(charge: &Charge) -> i64 {
    if charge.status == ChargeStatus::Succeeded && charge.captured {
        charge.captured_amount
    } else {
        0
    }
}

fn counted_refund(refund: &Refund) -> i64 {
    if refund.status == RefundStatus::Succeeded && !refund.release { refund.amount } else { 0 }
}

fn counted_dispute(dispute: &Dispute) -> i64 {
    if dispute.status == DisputeStatus::Lost { dispute.amount } else { 0 }
}

impl StripeAccount {
    /// Returns the ledger of all objects.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.ledger_between(i64::MIN, i64::MAX)
    }

    /// Returns the ledger of objects created in `[from, to)`, Unix seconds, each by its own
    /// `created`.
    #[must_use]
    pub fn ledger_between(&self, from: i64, to: i64) -> Ledger {
        let within = |created: i64| (from..to).contains(&created);
        let mut ledger: BTreeMap<Currency, Totals> = BTreeMap::new();
        for charge in self.charges.iter().filter(|c| within(c.created)) {
            let counted = counted_charge(charge);
            if counted > 0 {
                let totals = ledger.entry(charge.currency).or_default();
                totals.gross += charge.currency.iso_minor(counted);
                totals.charges += 1;
            }
        }
        for refund in self.refunds.iter().filter(|r| within(r.created)) {
            let counted = counted_refund(refund);
            if let (1.., Some(charge)) = (counted, self.charge(refund.charge)) {
                let totals = ledger.entry(charge.currency).or_default();
                totals.refunded += charge.currency.iso_minor(counted);
                totals.refunds += 1;
            }
        }
        for dispute in self.disputes.iter().filter(|d| within(d.created)) {
            let counted = counted_dispute(dispute);
            if let (1.., Some(charge)) = (counted, self.charge(dispute.charge)) {
                let totals = ledger.entry(charge.currency).or_default();
                totals.disputed += charge.currency.iso_minor(counted);
                totals.disputes += 1;
            }
        }
        let close = |(currency, mut totals): (Currency, Totals)| {
            totals.net = totals.gross - totals.refunded - totals.disputed;
            (currency.iso().to_owned(), totals)
        };
        ledger.into_iter().map(close).collect()
    }

    /// Returns every charge, refund and dispute in its present state.
    #[must_use]
    pub fn truth(&self) -> Vec<TruthRow> {
        let total = self.charges.len() + self.refunds.len() + self.disputes.len();
        let mut rows = Vec::with_capacity(total);
        for (index, c) in (0..NONE).zip(&self.charges) {
            let word = c.status.word();
            rows.extend(self.row(
                Kind::Charge,
                index,
                c,
                c.amount,
                counted_charge(c),
                word,
                c.created,
                c.expired,
            ));
        }
        for (index, r) in (0..NONE).zip(&self.refunds) {
            let Some(c) = self.charge(r.charge) else { continue };
            let word = r.status.word();
            rows.extend(self.row(
                Kind::Refund,
                index,
                c,
                r.amount,
                counted_refund(r),
                word,
                r.created,
                r.release,
            ));
        }
        for (index, d) in (0..NONE).zip(&self.disputes) {
            let Some(c) = self.charge(d.charge) else { continue };
            let word = d.status.word();
            rows.extend(self.row(
                Kind::Dispute,
                index,
                c,
                d.amount,
                counted_dispute(d),
                word,
                d.created,
                false,
            ));
        }
        rows
    }

    #[expect(clippy::too_many_arguments, reason = "one row's columns, side by side")]
    fn row(
        &self,
        kind: Kind,
        index: u32,
        charge: &Charge,
        amount: i64,
        counted: i64,
        raw_status: &'static str,
        created: i64,
        void: bool,
    ) -> Option<TruthRow> {
        Some(TruthRow {
            kind,
            id: self.id(kind, index)?,
            amount_iso_minor: charge.currency.iso_minor(amount),
            counted_iso_minor: charge.currency.iso_minor(counted),
            currency: charge.currency.iso(),
            raw_status,
            created,
            void,
        })
    }
}
