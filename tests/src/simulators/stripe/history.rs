//! The seeded past of an account: charges over the period, and what became of each.
//!
//! The same actions as for live changes make it, in the order of time. So the events of the last 30
//! days lead exactly to the present state.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::action::{Action, Outcome};
use super::model::{DisputeStatus as D, RefundStatus as R};
use super::state::StripeAccount;

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// The planned actions, soonest first.
#[derive(Default)]
struct Agenda {
    due: BinaryHeap<Reverse<(i64, usize)>>,
    actions: Vec<Action>,
}

impl Agenda {
    fn put(&mut self, at: i64, action: Action) {
        self.due.push(Reverse((at, self.actions.len())));
        self.actions.push(action);
    }

    fn next_before(&mut self, end: i64) -> Option<(i64, Action)> {
        let &Reverse((at, slot)) = self.due.peek().filter(|next| next.0.0 < end)?;
        self.due.pop();
        self.actions.get(slot).map(|&action| (at, action))
    }
}

/// Fills an empty account with its history.
pub(crate) fn write(account: &mut StripeAccount) {
    let mut agenda = Agenda::default();
    let (from, to, charges) = (account.spec.from, account.spec.to, i64::from(account.spec.charges));
    let span = (to - from).max(1);
    let mut at = from;
    for n in 0..charges {
        // One charge in six shares the second of the one before it.
        if n == 0 || account.rng.u8(0..6) != 0 {
            let slot = from + n * span / charges;
            at = at.max(slot + account.rng.i64(0..=(span / charges).max(1) - 1));
        }
        run_until(account, &mut agenda, at);
        start(account, &mut agenda, at);
    }
    run_until(account, &mut agenda, to);
}

fn run_until(account: &mut StripeAccount, agenda: &mut Agenda, end: i64) {
    while let Some((at, action)) = agenda.next_before(end) {
        let applied = account.apply(action, at);
        if let Some(applied) = applied {
            follow(account, agenda, at, action, applied.object);
        }
    }
}

/// Makes one charge and plans its future.
fn start(account: &mut StripeAccount, agenda: &mut Agenda, at: i64) {
    let currency = draw_currency(account);
    let amount = currency.draw(&mut account.rng);
    let outcome = match account.rng.u32(0..1000) {
        0..800 => Outcome::Captured,
        800..890 => Outcome::Authorised,
        890..950 => Outcome::Declined,
        _ => Outcome::Debit,
    };
    let Some(made) = account.apply(Action::Charge { amount, currency, outcome }, at) else {
        return;
    };
    let charge = made.object;
    match outcome {
        Outcome::Captured => {
            if account.charge(charge).is_some_and(|c| !c.settled) {
                agenda.put(at + account.rng.i64(0..3), Action::Settle { charge });
            }
            plan_returns(account, agenda, at, charge);
        }
        Outcome::Authorised => plan_authorisation(account, agenda, at, charge),
        Outcome::Declined => {}
        Outcome::Debit => {
            if account.rng.u8(0..10) != 0 {
                let end = at + account.rng.i64(DAY..5 * DAY);
                let succeeds = account.rng.u8(0..5) != 0;
                agenda.put(end, Action::DebitEnds { charge, succeeds });
            }
        }
    }
}

/// Draws a currency. The later it is in the spec's list, the rarer it is.
fn draw_currency(account: &mut StripeAccount) -> super::Currency {
    let all = &account.spec.currencies;
    let last = all.len().saturating_sub(1);
    let pick = account.rng.usize(0..=last).min(account.rng.usize(0..=last));
    all.get(pick).copied().unwrap_or(super::Currency::Usd)
}

fn plan_authorisation(account: &mut StripeAccount, agenda: &mut Agenda, at: i64, charge: u32) {
    let Some(found) = account.charge(charge).copied() else { return };
    let soon = at + account.rng.i64(60..3 * DAY);
    match account.rng.u8(0..10) {
        0..3 => agenda.put(soon, Action::Capture { charge, amount: found.amount }),
        3..7 => {
            let amount = found.currency.part(found.amount, &mut account.rng);
            agenda.put(soon, Action::Capture { charge, amount });
        }
        7..9 => agenda.put(at + 7 * DAY, Action::Expire { charge }),
        _ => {}
    }
}

/// Plans the refunds and disputes of a charge whose money has come in.
fn plan_returns(account: &mut StripeAccount, agenda: &mut Agenda, at: i64, charge: u32) {
    let Some(found) = account.charge(charge).copied() else { return };
    let whole = found.captured_amount;
    match account.rng.u32(0..1000) {
        0..45 => {
            let when = at + account.rng.i64(60..20 * DAY);
            let status = first_refund_status(account);
            agenda.put(when, Action::Refund { charge, amount: whole, status });
        }
        45..90 => {
            let mut when = at;
            for _ in 0..account.rng.u8(1..4) {
                when += account.rng.i64(0..8 * DAY);
                let amount = found.currency.part(whole, &mut account.rng);
                let status = first_refund_status(account);
                agenda.put(when, Action::Refund { charge, amount, status });
            }
        }
        90..110 => {
            let when = at + account.rng.i64(DAY..25 * DAY);
            let status = match account.rng.u8(0..10) {
                0..6 => D::NeedsResponse,
                6..9 => D::WarningNeedsResponse,
                _ => D::Prevented,
            };
            let part = account.rng.u8(0..4) == 0;
            let amount = if part { found.currency.part(whole, &mut account.rng) } else { whole };
            agenda.put(when, Action::Dispute { charge, amount, status });
        }
        _ => {}
    }
}

fn first_refund_status(account: &mut StripeAccount) -> R {
    match account.rng.u8(0..20) {
        0..14 => R::Succeeded,
        14..18 => R::Pending,
        _ => R::RequiresAction,
    }
}

/// Plans the actions that follow from one that was just applied.
fn follow(account: &mut StripeAccount, agenda: &mut Agenda, at: i64, action: Action, object: u32) {
    match action {
        Action::Capture { charge, .. } | Action::DebitEnds { charge, succeeds: true } => {
            plan_returns(account, agenda, at, charge);
        }
        Action::Refund { status, .. } | Action::RefundBecomes { status, .. } => {
            plan_refund(account, agenda, at, object, status);
        }
        Action::Dispute { status, .. } | Action::DisputeBecomes { status, .. } => {
            plan_dispute(account, agenda, at, object, status);
        }
        _ => {}
    }
}

fn plan_refund(account: &mut StripeAccount, agenda: &mut Agenda, at: i64, refund: u32, status: R) {
    let draw = account.rng.u8(0..20);
    let next = match (status, draw) {
        // Many refunds succeed in the second in which they were made.
        (R::Pending, 0..6) => Some((at, R::Succeeded)),
        (R::Pending, 6..12) => Some((at + DAY, R::Succeeded)),
        (R::Pending, 12..16) => Some((at + 2 * DAY, R::Failed)),
        (R::RequiresAction, 0..7) => Some((at + 3 * HOUR, R::Canceled)),
        (R::RequiresAction, 7..12) => Some((at + 2 * HOUR, R::Succeeded)),
        (R::RequiresAction, 12..15) => Some((at + HOUR, R::Pending)),
        (R::Succeeded, 0..1) => Some((at + 6 * DAY, R::Failed)),
        _ => None,
    };
    if let Some((when, status)) = next {
        agenda.put(when, Action::RefundBecomes { refund, status });
    }
}

fn plan_dispute(
    account: &mut StripeAccount,
    agenda: &mut Agenda,
    at: i64,
    dispute: u32,
    status: D,
) {
    let draw = account.rng.u8(0..10);
    let next = match (status, draw) {
        (D::NeedsResponse, 0..6) => Some((at + 2 * DAY, D::UnderReview)),
        (D::NeedsResponse, 6..9) => Some((at + 9 * DAY, D::Lost)),
        (D::UnderReview, 0..4) => Some((at + 12 * DAY, D::Won)),
        (D::UnderReview, 4..8) => Some((at + 12 * DAY, D::Lost)),
        (D::WarningNeedsResponse, 0..4) => Some((at + DAY, D::WarningUnderReview)),
        (D::WarningNeedsResponse, 4..5) => Some((at + 4 * DAY, D::NeedsResponse)),
        (D::WarningUnderReview, 0..6) => Some((at + 20 * DAY, D::WarningClosed)),
        (D::WarningUnderReview, 6..7) => Some((at + 5 * DAY, D::NeedsResponse)),
        _ => None,
    };
    if let Some((when, status)) = next {
        agenda.put(when, Action::DisputeBecomes { dispute, status });
    }
}
