//! Changes the accounts while they are paged: a little with every few requests, by seed, up to a
//! limit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

use fastrand::Rng;
use penstock_tests::simulators::gcal::Calendar;
use penstock_tests::simulators::hubspot::{self, Kind};
use penstock_tests::simulators::stripe;

use crate::gate::Gate;
use crate::history_test::HistoryTest;

/// The most changes of each account.
const MOST: usize = 1_500;

/// The stages that deals are moved to.
const STAGES: [&str; 4] = ["qualifiedtobuy", "closedwon", "closedlost", "paid"];

/// The number of changes so far.
#[derive(Default)]
pub struct Changes {
    over: AtomicBool,
    pub stripe: AtomicUsize,
    /// Events of Stripe that became visible late.
    pub late: AtomicUsize,
    pub portal: AtomicUsize,
    pub calendar: AtomicUsize,
}

impl Changes {
    /// Stops the changes from now on.
    pub fn end(&self) {
        self.over.store(true, Ordering::SeqCst);
    }

    /// Asserts that the accounts changed enough for the test to prove something.
    ///
    /// # Panics
    ///
    /// If an account had few changes, or few of Stripe's events were late.
    pub fn assert_enough(&self) {
        let [stripe, late, portal, calendar] =
            [&self.stripe, &self.late, &self.portal, &self.calendar]
                .map(|count| count.load(Ordering::SeqCst));
        println!(
            "changes meanwhile: {stripe} of Stripe, of whose events {late} were late; {portal} of HubSpot; {calendar} of Google Calendar"
        );
        assert!(stripe >= 100 && late >= 10 && portal >= 50 && calendar >= 10);
    }

    /// Draws the number of changes to make now, often 0.
    fn draw(&self, of: &AtomicUsize, rng: &mut Rng) -> usize {
        let enough = self.over.load(Ordering::SeqCst) || of.load(Ordering::SeqCst) >= MOST;
        let n = if enough || rng.bool() { 0 } else { rng.usize(1..=6) };
        of.fetch_add(n, Ordering::SeqCst);
        n
    }
}

/// Makes the accounts change with the requests that pass the gate.
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

/// Makes, captures, refunds and disputes charges, and changes their refunds and disputes.
fn stripe(account: &mut stripe::StripeAccount, n: usize, late: &AtomicUsize) {
    let events = account.change(u32::try_from(n).unwrap());
    late.fetch_add(
        events.iter().filter(|event| event.visible_at > event.created).count(),
        Ordering::SeqCst,
    );
}

/// Creates, edits, merges, archives, restores and purges objects, and moves deals.
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
