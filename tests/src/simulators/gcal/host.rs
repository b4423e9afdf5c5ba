//! Starts and stops a simulated calendar, and gives tests access to it.

use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};

use super::channels::{Channel, Channels};
use super::list::Lists;
use super::log::Request;
use super::server::{self, ErrorBodies, Service, Shared};
use super::state::{CALENDAR_ID, Calendar};
use super::token::{Account, READING, Tokens};
use crate::loopback::{Loopback, lock};
use crate::simulators::faults::Faults;

/// The service account that may read the calendar.
const ACCOUNT: &str = "reader@penstock.iam.gserviceaccount.com";

/// A simulated Google Calendar that listens on 127.0.0.1 until it is dropped.
pub struct GoogleCalendarSimulator {
    shared: Arc<Shared>,
    server: Loopback,
}

impl GoogleCalendarSimulator {
    /// Starts on a free port, with `events` events made from `seed`. The calendar's id is
    /// [`CALENDAR_ID`]. Its clock shows `now` until [`follow`](Self::follow) replaces it.
    ///
    /// # Panics
    ///
    /// If no port is free.
    #[must_use]
    pub fn start(seed: u64, events: usize, now: Timestamp) -> Self {
        Self::start_called(CALENDAR_ID, seed, events, now)
    }

    /// As [`start`](Self::start), with a calendar of this id. The only other character than those
    /// of an address may be `#`.
    ///
    /// # Panics
    ///
    /// As [`start`](Self::start).
    #[must_use]
    pub fn start_called(id: &str, seed: u64, events: usize, now: Timestamp) -> Self {
        let mut calendar = Calendar::new(seed, now);
        calendar.fill(events);
        let service = Service {
            calendar_id: id.to_owned(),
            calendar,
            lists: Lists::default(),
            tokens: Tokens::new(Account::generate(ACCOUNT), READING),
            channels: Channels::default(),
            daily_limit: false,
            no_sync_token: false,
            errors: ErrorBodies::Whole,
            url: String::new(),
            clock: Box::new(move || now),
        };
        let shared = Arc::new(Shared {
            service: Mutex::new(service),
            faults: Mutex::default(),
            log: Mutex::default(),
            watcher: Mutex::default(),
        });
        let served = Arc::clone(&shared);
        let answer = move |request| server::answer(Arc::clone(&served), request);
        let server = Loopback::start("gcal-simulator", 0, answer).expect("a free port");
        lock(&shared.service).url = server.url();
        Self { shared, server }
    }

    /// Returns the server's base URL, `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Returns the base URL of the API's paths.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}/calendar/v3", self.url())
    }

    /// Returns the calendar's id.
    #[must_use]
    pub fn calendar_id(&self) -> String {
        self.lock().calendar_id.clone()
    }

    /// Returns the key file of the account that may read the calendar.
    #[must_use]
    pub fn key_file(&self) -> String {
        self.lock().tokens.account.key_file(&format!("{}/token", self.url()))
    }

    /// Gives the account a new key, as [`Handle::rotate_key`] does.
    pub fn rotate_key(&self) {
        self.handle().rotate_key();
    }

    fn lock(&self) -> MutexGuard<'_, Service> {
        lock(&self.shared.service)
    }

    /// Takes the calendar's time from `clock` from here on.
    pub fn follow(&self, clock: impl Fn() -> Timestamp + Send + 'static) {
        self.lock().clock = Box::new(clock);
    }

    /// Runs `act` on the calendar, at the calendar's time. Replies wait meanwhile.
    pub fn with<T>(&self, act: impl FnOnce(&mut Calendar) -> T) -> T {
        self.handle().with(act)
    }

    /// Returns a handle on the calendar, for a hook.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.shared))
    }

    /// Returns the plan of faults.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.shared.faults)
    }

    /// Sets whether the day's quota is used up.
    pub fn daily_limit(&self, reached: bool) {
        self.lock().daily_limit = reached;
    }

    /// Sets whether last pages come without their sync token.
    pub fn withhold_sync_tokens(&self, withheld: bool) {
        self.lock().no_sync_token = withheld;
    }

    /// Sets the bodies of error replies from here on.
    pub fn set_error_bodies(&self, bodies: ErrorBodies) {
        self.lock().errors = bodies;
    }

    /// Expires all sync tokens so far: a request with one gets a 410.
    pub fn expire_sync_tokens(&self) {
        self.lock().lists.expire_tokens();
    }

    /// Expires all page tokens so far: a request with one gets a 400.
    pub fn expire_page_tokens(&self) {
        self.lock().lists.expire_pages();
    }

    /// Revokes all access tokens so far: a request with one gets a 401.
    pub fn revoke_access_tokens(&self) {
        self.lock().tokens.revoke_all();
    }

    /// Sets how long new access tokens are valid.
    pub fn access_tokens_last(&self, lifetime: SignedDuration) {
        self.lock().tokens.lifetime = lifetime;
    }

    /// Returns how many token exchanges were granted, and how many were refused.
    #[must_use]
    pub fn exchanges(&self) -> (u32, u32) {
        let service = self.lock();
        (service.tokens.granted, service.tokens.denied)
    }

    /// Returns the open push channels.
    #[must_use]
    pub fn channels(&self) -> Vec<Channel> {
        let mut service = self.lock();
        service.now();
        service.channels.open.clone()
    }

    /// Closes all open channels without a notification.
    pub fn forget_channels(&self) {
        self.lock().channels.open.clear();
    }

    /// Calls `hook` when the `n`-th request to the calendar from now (counted from 1) has come in,
    /// before the reply. It runs on the server's thread.
    pub fn on_request(&self, n: u64, hook: impl FnOnce() + Send + 'static) {
        lock(&self.shared.log).hook(n, Box::new(hook));
    }

    /// Calls `watcher` with the path of each later request to the calendar, before the reply. The
    /// reply shows the changes that `watcher` makes. It runs on the server's thread.
    pub fn watch(&self, watcher: impl FnMut(&str, &mut Calendar) + Send + 'static) {
        *lock(&self.shared.watcher) = Some(Box::new(watcher));
    }

    /// Takes out the requests to the calendar so far.
    #[must_use]
    pub fn take_requests(&self) -> Vec<Request> {
        lock(&self.shared.log).take()
    }
}

/// Access to the calendar for code that does not own the simulator.
pub struct Handle(Arc<Shared>);

impl Handle {
    /// Runs `act` on the calendar, as [`GoogleCalendarSimulator::with`] does.
    pub fn with<T>(&self, act: impl FnOnce(&mut Calendar) -> T) -> T {
        let mut service = lock(&self.0.service);
        service.now();
        act(&mut service.calendar)
    }

    /// Returns the number of open channels.
    #[must_use]
    pub fn channels(&self) -> usize {
        lock(&self.0.service).channels.open.len()
    }

    /// Gives the account a new key and returns its file. The old key signs nothing any more, and
    /// all access tokens are revoked.
    pub fn rotate_key(&self) -> String {
        let account = Account::generate(ACCOUNT);
        let mut service = lock(&self.0.service);
        service.tokens.account = account;
        service.tokens.revoke_all();
        service.tokens.account.key_file(&format!("{}/token", service.url))
    }

    /// Sets whether the quota is used up, as [`GoogleCalendarSimulator::daily_limit`] does.
    pub fn daily_limit(&self, reached: bool) {
        lock(&self.0.service).daily_limit = reached;
    }

    /// Expires page tokens, as [`GoogleCalendarSimulator::expire_page_tokens`] does.
    pub fn expire_page_tokens(&self) {
        lock(&self.0.service).lists.expire_pages();
    }

    /// Revokes access tokens, as [`GoogleCalendarSimulator::revoke_access_tokens`] does.
    pub fn revoke_access_tokens(&self) {
        lock(&self.0.service).tokens.revoke_all();
    }
}
