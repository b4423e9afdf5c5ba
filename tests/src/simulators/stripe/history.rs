//! The seeded past of a world: charges over the period, and what became of each.
//!
//! It is made by the same actions as live changes, in the order of time, so that the events of the
//! last 30 days tell exactly how the present state came about.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use super::action::{Action, Outcome};
use super::model::{DisputeStatus as D, RefundStatus as R};
use super::world::World;

const HOUR: i64 = 3_600;
const DAY: i64 = 86_400;

/// What is still to happen, soonest first.
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

/// Fills an empty world with its history.
pub(crate) fn write(world: &mut World) {
    let mut agenda = Agenda::default();
    let (from, to, charges) = (world.spec.from, world.spec.to, i64::from(world.spec.charges));
    let span = (to - from).max(1);
    let mut at = from;
    for n in 0..charges {
        // One in six shares the second of the one before it.
        if n == 0 || world.rng.u8(0..6) != 0 {
            let slot = from + n * span / charges;
            at = at.max(slot + world.rng.i64(0..=(span / charges).max(1) - 1));
        }
        run_until(world, &mut agenda, at);
        start(world, &mut agenda, at);
    }
    run_until(world, &mut agenda, to);
}

fn run_until(world: &mut World, agenda: &mut Agenda, end: i64) {
    while let Some((at, action)) = agenda.next_before(end) {
        let applied = world.apply(action, at);
        if let Some(applied) = applied {
            follow(world, agenda, at, action, applied.object);
        }
    }
}

/// Makes one charge and plans its future.
fn start(world: &mut World, agenda: &mut Agenda, at: i64) {
    let currency = draw_currency(world);
    let amount = currency.draw(&mut world.rng);
    let outcome = match world.rng.u32(0..1000) {
        0..800 => Outcome::Captured,
        800..890 => Outcome::Authorised,
        890..950 => Outcome::Declined,
        _ => Outcome::Debit,
    };
    let Some(made) = world.apply(Action::Charge { amount, currency, outcome }, at) else { return };
    let charge = made.object;
    match outcome {
        Outcome::Captured => {
            if world.charge(charge).is_some_and(|c| !c.settled) {
                agenda.put(at + world.rng.i64(0..3), Action::Settle { charge });
            }
            plan_returns(world, agenda, at, charge);
        }
        Outcome::Authorised => plan_authorisation(world, agenda, at, charge),
        Outcome::Declined => {}
        Outcome::Debit => {
            if world.rng.u8(0..10) != 0 {
                let end = at + world.rng.i64(DAY..5 * DAY);
                let succeeds = world.rng.u8(0..5) != 0;
                agenda.put(end, Action::DebitEnds { charge, succeeds });
            }
        }
    }
}

/// The later an index in the spec's list, the rarer the currency.
fn draw_currency(world: &mut World) -> super::Currency {
    let all = &world.spec.currencies;
    let last = all.len().saturating_sub(1);
    let pick = world.rng.usize(0..=last).min(world.rng.usize(0..=last));
    all.get(pick).copied().unwrap_or(super::Currency::Usd)
}

fn plan_authorisation(world: &mut World, agenda: &mut Agenda, at: i64, charge: u32) {
    let Some(found) = world.charge(charge).copied() else { return };
    let soon = at + world.rng.i64(60..3 * DAY);
    match world.rng.u8(0..10) {
        0..3 => agenda.put(soon, Action::Capture { charge, amount: found.amount }),
        3..7 => {
            let amount = found.currency.part(found.amount, &mut world.rng);
            agenda.put(soon, Action::Capture { charge, amount });
        }
        7..9 => agenda.put(at + 7 * DAY, Action::Expire { charge }),
        _ => {}
    }
}

/// Plans the refunds and disputes of a charge whose money has come in.
fn plan_returns(world: &mut World, agenda: &mut Agenda, at: i64, charge: u32) {
    let Some(found) = world.charge(charge).copied() else { return };
    let whole = found.captured_amount;
    match world.rng.u32(0..1000) {
        0..45 => {
            let when = at + world.rng.i64(60..20 * DAY);
            let status = first_refund_status(world);
            agenda.put(when, Action::Refund { charge, amount: whole, status });
        }
        45..90 => {
            let mut when = at;
            for _ in 0..world.rng.u8(1..4) {
                when += world.rng.i64(0..8 * DAY);
                let amount = found.currency.part(whole, &mut world.rng);
                let status = first_refund_status(world);
                agenda.put(when, Action::Refund { charge, amount, status });
            }
        }
        90..110 => {
            let when = at + world.rng.i64(DAY..25 * DAY);
            let status = match world.rng.u8(0..10) {
                0..6 => D::NeedsResponse,
                6..9 => D::WarningNeedsResponse,
                _ => D::Prevented,
            };
            let part = world.rng.u8(0..4) == 0;
            let amount = if part { found.currency.part(whole, &mut world.rng) } else { whole };
            agenda.put(when, Action::Dispute { charge, amount, status });
        }
        _ => {}
    }
}

fn first_refund_status(world: &mut World) -> R {
    match world.rng.u8(0..20) {
        0..14 => R::Succeeded,
        14..18 => R::Pending,
        _ => R::RequiresAction,
    }
}

/// Plans what follows from what has just happened.
fn follow(world: &mut World, agenda: &mut Agenda, at: i64, action: Action, object: u32) {
    match action {
        Action::Capture { charge, .. } | Action::DebitEnds { charge, succeeds: true } => {
            plan_returns(world, agenda, at, charge);
        }
        Action::Refund { status, .. } | Action::RefundBecomes { status, .. } => {
            plan_refund(world, agenda, at, object, status);
        }
        Action::Dispute { status, .. } | Action::DisputeBecomes { status, .. } => {
            plan_dispute(world, agenda, at, object, status);
        }
        _ => {}
    }
}

fn plan_refund(world: &mut World, agenda: &mut Agenda, at: i64, refund: u32, status: R) {
    let draw = world.rng.u8(0..20);
    let next = match (status, draw) {
        // Many a refund succeeds in the second in which it was made.
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

fn plan_dispute(world: &mut World, agenda: &mut Agenda, at: i64, dispute: u32, status: D) {
    let draw = world.rng.u8(0..10);
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
