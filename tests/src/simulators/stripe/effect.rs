//! The effects of each [`super::Action`]: the changes to the objects, and the events.

use super::action::{Applied, Outcome};
use super::currency::Currency;
use super::event::EventType as E;
use super::model::{
    Charge, ChargeStatus, Dispute, DisputeStatus as D, NONE, Refund, RefundStatus as R,
};
use super::record::Draft;
use super::state::{StripeAccount, get_mut};

impl Charge {
    /// Returns whether this is an authorisation that may still be captured.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.status == ChargeStatus::Succeeded && !self.captured && !self.expired
    }
}

impl StripeAccount {
    pub(crate) fn add_charge(
        &mut self,
        amount: i64,
        currency: Currency,
        outcome: Outcome,
        at: i64,
    ) -> Option<Applied> {
        let captured = matches!(outcome, Outcome::Captured | Outcome::Debit);
        let (status, kind) = match outcome {
            Outcome::Captured | Outcome::Authorised => {
                (ChargeStatus::Succeeded, E::ChargeSucceeded)
            }
            Outcome::Declined => (ChargeStatus::Failed, E::ChargeFailed),
            Outcome::Debit => (ChargeStatus::Pending, E::ChargePending),
        };
        let index = u32::try_from(self.charges.len()).ok()?;
        let charge = Charge {
            created: at,
            visible_at: at + self.lateness(),
            amount,
            captured_amount: if captured { amount } else { 0 },
            refunded_amount: 0,
            last_refund: NONE,
            dispute: NONE,
            notes: 0,
            currency,
            status,
            captured,
            expired: false,
            bank_debit: outcome == Outcome::Debit,
            settled: !(outcome == Outcome::Captured && self.records(at) && self.rng.bool()),
        };
        self.charges.push(charge);
        self.charge_order.insert(at, index);
        let snapshot = self.records(at).then(|| self.snapshot_charge(index)).flatten();
        let drafts = snapshot.into_iter().map(|s| (kind, s, None)).collect();
        Some(self.record(index, at, drafts))
    }

    /// Captures an authorisation. A partial capture releases the rest; with `releases` on, a refund
    /// object records the release.
    pub(crate) fn capture(&mut self, charge: u32, amount: i64, at: i64) -> Option<Applied> {
        let rest = self.charge(charge)?.amount - amount;
        let mut applied = self.edit_charge(charge, at, &[E::ChargeCaptured], |c| {
            c.captured = true;
            c.captured_amount = amount;
        })?;
        if self.spec.releases && rest > 0 {
            let release = self.add_refund(charge, rest, R::Succeeded, true, at)?;
            applied.events.extend(release.events);
        }
        Some(applied)
    }

    pub(crate) fn expire(&mut self, charge: u32, at: i64) -> Option<Applied> {
        let amount = self.charge(charge)?.amount;
        let mut applied = self.edit_charge(charge, at, &[E::ChargeExpired], |c| {
            c.expired = true;
            c.refunded_amount = c.amount;
        })?;
        if self.spec.releases {
            let release = self.add_refund(charge, amount, R::Succeeded, true, at)?;
            applied.events.extend(release.events);
        }
        Some(applied)
    }

    pub(crate) fn end_debit(&mut self, charge: u32, succeeds: bool, at: i64) -> Option<Applied> {
        let (status, kind) = if succeeds {
            (ChargeStatus::Succeeded, E::ChargeSucceeded)
        } else {
            (ChargeStatus::Failed, E::ChargeFailed)
        };
        self.edit_charge(charge, at, &[kind], |c| c.status = status)
    }

    pub(crate) fn add_refund(
        &mut self,
        charge: u32,
        amount: i64,
        status: R,
        release: bool,
        at: i64,
    ) -> Option<Applied> {
        let before = self.snapshot_if(at, |w| w.snapshot_charge(charge));
        let index = u32::try_from(self.refunds.len()).ok()?;
        let visible_at = at + self.lateness();
        let owner = get_mut(&mut self.charges, charge)?;
        let previous = std::mem::replace(&mut owner.last_refund, index);
        if !release {
            owner.refunded_amount += amount;
        }
        self.refunds.push(Refund {
            created: at,
            visible_at,
            amount,
            charge,
            previous,
            notes: 0,
            status,
            had_succeeded: false,
            release,
        });
        self.refund_order.insert(at, index);
        let mut drafts: Vec<Draft> = Vec::new();
        if let Some(made) = self.snapshot_if(at, |w| w.snapshot_refund(index)) {
            drafts.push((E::RefundCreated, made, None));
        }
        if let (false, Some(now)) = (release, self.snapshot_if(at, |w| w.snapshot_charge(charge))) {
            drafts.push((E::ChargeRefunded, now, before));
        }
        Some(self.record(index, at, drafts))
    }

    pub(crate) fn move_refund(&mut self, refund: u32, status: R, at: i64) -> Option<Applied> {
        let Refund { charge, amount, status: was, .. } = *self.refund(refund)?;
        if was.stands() && !status.stands() {
            get_mut(&mut self.charges, charge)?.refunded_amount -= amount;
        }
        let kinds: &[E] = match status {
            R::Failed => &[E::RefundFailed, E::RefundUpdated, E::ChargeRefundUpdated],
            _ => &[E::RefundUpdated, E::ChargeRefundUpdated],
        };
        self.edit_refund(refund, at, kinds, |r| {
            r.had_succeeded |= r.status == R::Succeeded;
            r.status = status;
        })
    }

    pub(crate) fn add_dispute(
        &mut self,
        charge: u32,
        amount: i64,
        status: D,
        at: i64,
    ) -> Option<Applied> {
        let before = self.snapshot_if(at, |w| w.snapshot_charge(charge));
        let index = u32::try_from(self.disputes.len()).ok()?;
        let visible_at = at + self.lateness();
        self.disputes.push(Dispute {
            created: at,
            visible_at,
            amount,
            withdrawn_at: if status.is_chargeback() { at } else { 0 },
            reinstated_at: 0,
            charge,
            notes: 0,
            submissions: 0,
            status,
        });
        self.dispute_order.insert(at, index);
        get_mut(&mut self.charges, charge)?.dispute = index;
        let mut drafts: Vec<Draft> = Vec::new();
        if let Some(made) = self.snapshot_if(at, |w| w.snapshot_dispute(index)) {
            drafts.push((E::DisputeCreated, made.clone(), None));
            if status.is_chargeback() {
                drafts.push((E::DisputeFundsWithdrawn, made, None));
            }
        }
        if let Some(now) = self.snapshot_if(at, |w| w.snapshot_charge(charge)) {
            drafts.push((E::ChargeUpdated, now, before));
        }
        Some(self.record(index, at, drafts))
    }

    pub(crate) fn move_dispute(&mut self, dispute: u32, status: D, at: i64) -> Option<Applied> {
        let was = self.dispute(dispute)?.status;
        let kinds: &[E] = match status {
            D::NeedsResponse if !was.is_chargeback() => {
                &[E::DisputeUpdated, E::DisputeFundsWithdrawn]
            }
            D::Won => &[E::DisputeClosed, E::DisputeFundsReinstated],
            D::Lost | D::WarningClosed => &[E::DisputeClosed],
            _ => &[E::DisputeUpdated],
        };
        self.edit_dispute(dispute, at, kinds, |d| {
            match status {
                D::NeedsResponse => d.withdrawn_at = at,
                D::Won => d.reinstated_at = at,
                D::UnderReview | D::WarningUnderReview => d.submissions += 1,
                _ => {}
            }
            d.status = status;
        })
    }

    pub(crate) fn edit_charge(
        &mut self,
        index: u32,
        at: i64,
        kinds: &[E],
        edit: impl FnOnce(&mut Charge),
    ) -> Option<Applied> {
        let before = self.snapshot_if(at, |w| w.snapshot_charge(index));
        edit(get_mut(&mut self.charges, index)?);
        let after = self.snapshot_if(at, |w| w.snapshot_charge(index));
        Some(self.record_change(index, at, kinds, before, after))
    }

    pub(crate) fn edit_refund(
        &mut self,
        index: u32,
        at: i64,
        kinds: &[E],
        edit: impl FnOnce(&mut Refund),
    ) -> Option<Applied> {
        let before = self.snapshot_if(at, |w| w.snapshot_refund(index));
        edit(get_mut(&mut self.refunds, index)?);
        let after = self.snapshot_if(at, |w| w.snapshot_refund(index));
        Some(self.record_change(index, at, kinds, before, after))
    }

    pub(crate) fn edit_dispute(
        &mut self,
        index: u32,
        at: i64,
        kinds: &[E],
        edit: impl FnOnce(&mut Dispute),
    ) -> Option<Applied> {
        let before = self.snapshot_if(at, |w| w.snapshot_dispute(index));
        edit(get_mut(&mut self.disputes, index)?);
        let after = self.snapshot_if(at, |w| w.snapshot_dispute(index));
        Some(self.record_change(index, at, kinds, before, after))
    }
}
