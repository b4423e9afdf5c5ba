//! The vendors change between two requests, and a pull is killed at one of them.

use std::sync::{Arc, Mutex};

use fastrand::Rng;
use penstock_tests::simulators::gcal::{Calendar, GoogleCalendarSimulator};
use penstock_tests::simulators::hubspot::{Change, HubSpotPortal, HubSpotSimulator, Kind};
use penstock_tests::simulators::stripe::{StripeAccount, StripeSimulator};
use tokio::sync::Notify;

/// The stages that deals are moved to.
const STAGES: [&str; 4] = ["qualifiedtobuy", "closedwon", "closedlost", "paid"];

/// The fewest live objects of a kind, so that there is always something to change.
const FEWEST: usize = 10;

/// Shared with the simulators' threads.
#[derive(Default)]
pub struct Meanwhile {
    state: Mutex<State>,
    killed: Notify,
}

#[derive(Default)]
struct State {
    rng: Rng,
    /// Whether the vendors change.
    going: bool,
    /// The requests until the kill.
    left: Option<u32>,
    archived: Vec<(Kind, u64)>,
    pushes: Pushes,
}

/// The changes of which no webhook was sent yet.
#[derive(Default)]
pub struct Pushes {
    /// Bodies of Stripe's events.
    pub stripe: Vec<String>,
    pub hubspot: Vec<Change>,
    /// Whether the calendar changed.
    pub gcal: bool,
}

impl Meanwhile {
    pub fn begin(
        seed: u64,
        stripe: &StripeSimulator,
        hubspot: &HubSpotSimulator,
        google: &GoogleCalendarSimulator,
    ) -> Arc<Self> {
        let shared = Arc::new(Self::default());
        shared.with(|state| state.rng = Rng::with_seed(seed));
        let with = Arc::clone(&shared);
        stripe.watch(move |_, account| with.asked(|state| state.change_stripe(account)));
        let with = Arc::clone(&shared);
        hubspot.watch(move |_, portal| with.asked(|state| state.change_hubspot(portal)));
        let with = Arc::clone(&shared);
        google.watch(move |_, calendar| with.asked(|state| state.change_gcal(calendar)));
        shared
    }

    /// Lets the vendors change, or not.
    pub fn go(&self, going: bool) {
        self.with(|state| state.going = going);
    }

    /// Plans a kill at the `n`-th request from now; `None` plans none.
    pub fn kill_at(&self, n: Option<u32>) {
        self.with(|state| state.left = n);
    }

    /// Waits for the planned kill.
    pub async fn killed(&self) {
        self.killed.notified().await;
    }

    /// Changes the vendors now, `n` times.
    pub fn change(
        &self,
        n: usize,
        stripe: &StripeSimulator,
        hubspot: &HubSpotSimulator,
        google: &GoogleCalendarSimulator,
    ) {
        for _ in 0..n {
            match self.with(|state| state.rng.u8(0..3)) {
                0 => {
                    let mut account = stripe.account();
                    self.with(|state| state.change_stripe(&mut account));
                }
                1 => {
                    let mut portal = hubspot.portal();
                    self.with(|state| state.change_hubspot(&mut portal));
                }
                _ => google.with(|calendar| self.with(|state| state.change_gcal(calendar))),
            }
        }
    }

    /// Takes the changes of which no webhook was sent.
    pub fn pushes(&self) -> Pushes {
        self.with(|state| std::mem::take(&mut state.pushes))
    }

    fn asked(&self, change: impl FnOnce(&mut State)) {
        let killed = self.with(|state| {
            if state.going && state.rng.u8(0..5) == 0 {
                change(state);
            }
            let left = state.left.as_mut()?;
            *left = left.saturating_sub(1);
            (*left == 0).then(|| state.left = None)
        });
        if killed.is_some() {
            self.killed.notify_one();
        }
    }

    fn with<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap())
    }
}

impl State {
    fn change_stripe(&mut self, account: &mut StripeAccount) {
        let events = account.change(self.rng.u32(1..4));
        self.pushes.stripe.extend(events.into_iter().map(|event| event.body));
    }

    fn change_hubspot(&mut self, portal: &mut HubSpotPortal) {
        let kind = if self.rng.bool() { Kind::Contact } else { Kind::Deal };
        let live = portal.live(kind);
        if live.len() < FEWEST {
            portal.create(kind);
            return;
        }
        let id = live[self.rng.usize(0..live.len())];
        match self.rng.u8(0..12) {
            0 | 1 => {
                portal.archive(kind, id);
                self.archived.push((kind, id));
                self.pushes.hubspot.push(Change::Archived(kind, id));
            }
            2 | 3 if !self.archived.is_empty() => {
                let (kind, id) = self.archived.swap_remove(self.rng.usize(0..self.archived.len()));
                portal.restore(kind, id);
            }
            4 => portal.purge(kind, id),
            5 => {
                let loser = live[self.rng.usize(0..live.len())];
                if loser != id {
                    let into = portal.merge(kind, id, loser, self.rng.bool());
                    self.pushes.hubspot.push(Change::Merged { kind, primary: id, loser, into });
                }
            }
            6 if kind == Kind::Deal => portal.set_stage(id, STAGES[self.rng.usize(0..4)]),
            7 | 8 => {
                portal.edit(kind, id);
                self.pushes.hubspot.push(Change::Edited(kind, id));
            }
            9 => {
                let id = portal.create(kind);
                self.pushes.hubspot.push(Change::Created(kind, id));
            }
            _ => self.pushes.hubspot.extend(portal.change(2)),
        }
    }

    fn change_gcal(&mut self, calendar: &mut Calendar) {
        self.pushes.gcal = true;
        let present = calendar.present();
        match self.rng.u8(0..12) {
            0 if present.len() > FEWEST => {
                calendar.vanish(&present[self.rng.usize(0..present.len())]);
            }
            1 if present.len() > FEWEST => calendar.cancel_and_forget(2),
            _ => calendar.change(2),
        }
    }
}
