//! Random live changes. Each is valid in the present state.

use super::action::{Action, Outcome};
use super::event::Emitted;
use super::model::{DisputeStatus as D, RefundStatus as R};
use super::state::StripeAccount;

impl StripeAccount {
    /// Applies `n` random actions now, and returns their events in the order in which they were
    /// made. All fall into the same second while the clock is stopped.
    pub fn change(&mut self, n: u32) -> Vec<Emitted> {
        let mut events = Vec::new();
        for _ in 0..n {
            let action = self.draw_action();
            events.extend(self.act(action).unwrap_or_default());
        }
        events
    }

    /// Draws a random action that is allowed now. If it finds no other, it draws a new charge,
    /// which always is.
    pub fn draw_action(&mut self) -> Action {
        for _ in 0..24 {
            let candidate = self.draw_candidate();
            if let Some(action) = candidate.filter(|&action| self.allows(action)) {
                return action;
            }
        }
        self.draw_charge()
    }

    fn draw_candidate(&mut self) -> Option<Action> {
        Some(match self.rng.u8(0..100) {
            0..22 => self.draw_charge(),
            22..28 => Action::Settle { charge: self.draw_index(self.charges.len(), true)? },
            28..40 => {
                let charge = self.draw_index(self.charges.len(), true)?;
                let found = *self.charge(charge)?;
                let part = self.rng.bool();
                let amount = match part {
                    true => found.currency.part(found.amount, &mut self.rng),
                    false => found.amount,
                };
                Action::Capture { charge, amount }
            }
            40..42 => Action::Expire { charge: self.draw_index(self.charges.len(), false)? },
            42..47 => {
                let succeeds = self.rng.u8(0..4) != 0;
                Action::DebitEnds { charge: self.draw_index(self.charges.len(), false)?, succeeds }
            }
            47..65 => self.draw_refund()?,
            65..78 => {
                let refund = self.draw_index(self.refunds.len(), true)?;
                let all = [R::Succeeded, R::Failed, R::Canceled, R::Pending];
                Action::RefundBecomes { refund, status: self.rng.choice(all)? }
            }
            78..84 => {
                let charge = self.draw_index(self.charges.len(), false)?;
                let amount = self.charge(charge)?.refundable();
                let all =
                    [D::NeedsResponse, D::NeedsResponse, D::WarningNeedsResponse, D::Prevented];
                Action::Dispute { charge, amount, status: self.rng.choice(all)? }
            }
            84..94 => {
                let dispute = self.draw_index(self.disputes.len(), true)?;
                let all =
                    [D::UnderReview, D::Won, D::Lost, D::WarningUnderReview, D::WarningClosed];
                Action::DisputeBecomes { dispute, status: self.rng.choice(all)? }
            }
            94..97 => Action::NoteCharge { charge: self.draw_index(self.charges.len(), false)? },
            97..99 => Action::NoteRefund { refund: self.draw_index(self.refunds.len(), false)? },
            _ => Action::NoteDispute { dispute: self.draw_index(self.disputes.len(), false)? },
        })
    }

    fn draw_charge(&mut self) -> Action {
        let last = self.spec.currencies.len().saturating_sub(1);
        let pick = self.rng.usize(0..=last);
        let currency = self.spec.currencies.get(pick).copied().unwrap_or(super::Currency::Usd);
        let outcome = match self.rng.u8(0..10) {
            0..5 => Outcome::Captured,
            5..8 => Outcome::Authorised,
            8 => Outcome::Declined,
            _ => Outcome::Debit,
        };
        Action::Charge { amount: currency.draw(&mut self.rng), currency, outcome }
    }

    fn draw_refund(&mut self) -> Option<Action> {
        let charge = self.draw_index(self.charges.len(), false)?;
        let found = *self.charge(charge)?;
        let whole = found.refundable();
        let amount = match self.rng.bool() {
            true => whole,
            false => found.currency.part(whole.max(1), &mut self.rng),
        };
        let all = [R::Succeeded, R::Succeeded, R::Pending, R::Pending, R::RequiresAction];
        Some(Action::Refund { charge, amount, status: self.rng.choice(all)? })
    }

    /// Draws any object or, with `recent`, mostly one of the newest hundred.
    fn draw_index(&mut self, len: usize, recent: bool) -> Option<u32> {
        let floor = if recent && self.rng.u8(0..4) != 0 { len.saturating_sub(100) } else { 0 };
        if len == 0 { None } else { u32::try_from(self.rng.usize(floor..len)).ok() }
    }
}
