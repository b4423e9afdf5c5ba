//! What the account's books say, worked out from the account's own truth and from nothing else.
//!
//! gross = `amount_captured` of succeeded, captured charges; refunded = refunds that succeeded (and
//! moved money); disputed = disputes that were lost; net = gross - refunded - disputed. All in
//! ISO 4217 minor units of one currency; late objects are included.

use std::collections::BTreeMap;

use super::currency::Currency;
use super::id::Kind;
use super::model::{Charge, ChargeStatus, Dispute, DisputeStatus, NONE, Refund, RefundStatus};
use super::state::StripeAccount;

/// The sums of one currency, in ISO 4217 minor units.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Captured.
    pub gross: i128,
    /// Paid back.
    pub refunded: i128,
    /// Lost in disputes.
    pub disputed: i128,
    /// What remains.
    pub net: i128,
    /// How many charges make up `gross`.
    pub charges: u64,
    /// How many refunds make up `refunded`.
    pub refunds: u64,
    /// How many disputes make up `disputed`.
    pub disputes: u64,
}

/// One object as the account knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TruthRow {
    /// Charge, refund or dispute.
    pub kind: Kind,
    /// Its id.
    pub id: String,
    /// Its `amount`, in ISO 4217 minor units.
    pub amount_iso_minor: i128,
    /// What it adds to gross, refunded or disputed, in ISO 4217 minor units; 0 where it does not.
    pub counted_iso_minor: i128,
    /// Upper case.
    pub currency: &'static str,
    /// Its `status`, in Stripe's word.
    pub raw_status: &'static str,
    /// Its `created`, Unix seconds.
    pub created: i64,
    /// An authorisation that ran out, or the refund object that its release left behind: never money.
    pub void: bool,
}

/// A ledger by currency, upper case.
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
    /// The whole ledger.
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.ledger_between(i64::MIN, i64::MAX)
    }

    /// The ledger of objects created in `[from, to)`, Unix seconds, each by its own `created`.
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

    /// Every charge, refund and dispute, each as its present state has it.
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
