//! What the accounts do while they are paged: a little with every few requests, by seed, until it is enough.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use fastrand::Rng;
use penstock_tests::simulators::gcal::Calendar;
use penstock_tests::simulators::hubspot::{self, Kind};
use penstock_tests::simulators::stripe;

use crate::gate::Gate;
use crate::history_test::HistoryTest;

/// Changes of each account at most.
const MOST: usize = 1_500;

/// Stages that a deal is moved to.
const STAGES: [&str; 4] = ["qualifiedtobuy", "closedwon", "closedlost", "paid"];

/// What the accounts have done.
#[derive(Default)]
pub struct Changes {
    over: AtomicBool,
    pub stripe: AtomicUsize,
    /// Of Stripe's events, those that showed late.
    pub late: AtomicUsize,
    pub portal: AtomicUsize,
    pub calendar: AtomicUsize,
}

impl Changes {
    /// From now on nothing changes by itself.
    pub fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// # Panics
    /// Where an account stood still, or nothing of Stripe's was late: it would have proved nothing.
    pub fn assert_enough(&self) {
        let [stripe, late, portal, calendar] =
            [&self.stripe, &self.late, &self.portal, &self.calendar]
                .map(|count| count.load(Ordering::SeqCst));
        println!(
            "changes meanwhile: {stripe} of Stripe, of whose events {late} were late; {portal} of HubSpot; {calendar} of Google Calendar"
        );
        assert!(stripe >= 100 && late >= 10 && portal >= 50 && calendar >= 10);
    }

    /// How much is to happen now, if anything.
    fn draw(&self, of: &AtomicUsize, rng: &mut Rng) -> usize {
        let enough = self.over.load(Ordering::SeqCst) || of.load(Ordering::SeqCst) >= MOST;
        let n = if enough || rng.bool() { 0 } else { rng.usize(1..=6) };
        of.fetch_add(n, Ordering::SeqCst);
        n
    }
}

/// Has the accounts change with the requests that pass the gate.
pub fn begin(test: &HistoryTest, seed: u64, gate: &Gate) -> Arc<Changes> {
    let changes = Arc::new(Changes::default());
    let (shared, passing, mut rng) = (Arc::clone(&changes), gate.clone(), Rng::with_seed(seed));
    test.stripe.watch(move |path, account| {
        if passing.pass(path) {
            stripe(account, shared.draw(&shared.stripe, &mut rng), &shared.late);
        }
    });
    let (shared, passing, mut rng) = (Arc::clone(&changes), gate.clone(), Rng::with_seed(seed + 1));
    let mut archived = Vec::new();
    test.hubspot.watch(move |path, account| {
        if passing.pass(path) {
            for _ in 0..shared.draw(&shared.portal, &mut rng).div_ceil(3) {
                portal(account, &mut rng, &mut archived);
            }
        }
    });
    let (shared, passing, mut rng) = (Arc::clone(&changes), gate.clone(), Rng::with_seed(seed + 2));
    test.google.watch(move |path, calendar: &mut Calendar| {
        if passing.pass(path) {
            calendar.change(shared.draw(&shared.calendar, &mut rng));
        }
    });
    changes
}

/// New charges, captures, refunds, disputes and what becomes of them.
fn stripe(account: &mut stripe::StripeAccount, n: usize, late: &AtomicUsize) {
    let events = account.change(u32::try_from(n).unwrap());
    late.fetch_add(
        events.iter().filter(|event| event.visible_at > event.created).count(),
        Ordering::SeqCst,
    );
}

/// Objects come, are edited, merged, archived, restored and deleted for good; deals move.
fn portal(account: &mut hubspot::HubSpotPortal, rng: &mut Rng, archived: &mut Vec<(Kind, u64)>) {
    let kind = if rng.bool() { Kind::Contact } else { Kind::Deal };
    let live = account.live(kind);
    let id = live[rng.usize(0..live.len())];
    match rng.u8(0..10) {
        0 => {
            account.archive(kind, id);
            archived.push((kind, id));
        }
        1 if !archived.is_empty() => {
            let (kind, id) = archived.swap_remove(rng.usize(0..archived.len()));
            account.restore(kind, id);
        }
        2 => account.purge(kind, id),
        3 if kind == Kind::Deal => account.set_stage(id, STAGES[rng.usize(0..STAGES.len())]),
        _ => {
            account.change(2);
        }
    }
}
