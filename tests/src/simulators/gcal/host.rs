//! A running calendar.

use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};

use super::channels::{Channel, Channels};
use super::list::Lists;
use super::log::Request;
use super::server::{self, Service, Shared};
use super::state::Calendar;
use super::token::{Account, Tokens};
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
    /// Starts on a free port, with `events` events, by `seed`. Its clock stands at `now` until it is told to follow
    /// another.
    ///
    /// # Panics
    /// Where no port can be had.
    #[must_use]
    pub fn start(seed: u64, events: usize, now: Timestamp) -> Self {
        let mut calendar = Calendar::new(seed, now);
        calendar.fill(events);
        let service = Service {
            calendar,
            lists: Lists::default(),
            tokens: Tokens::new(Account::generate(ACCOUNT)),
            channels: Channels::default(),
            daily_limit: false,
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

    /// Where it listens: `http://127.0.0.1:port`.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The base of the API's paths.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("{}/calendar/v3", self.url())
    }

    /// The key file of the account that may read the calendar.
    #[must_use]
    pub fn key_file(&self) -> String {
        self.lock().tokens.account.key_file(&format!("{}/token", self.url()))
    }

    /// As [`Handle::rotate_key`].
    pub fn rotate_key(&self) {
        self.handle().rotate_key();
    }

    fn lock(&self) -> MutexGuard<'_, Service> {
        lock(&self.shared.service)
    }

    /// Lets `clock` tell the calendar's time from here on.
    pub fn follow(&self, clock: impl Fn() -> Timestamp + Send + 'static) {
        self.lock().clock = Box::new(clock);
    }

    /// Does something to the calendar, at its time. Replies wait meanwhile.
    pub fn with<T>(&self, act: impl FnOnce(&mut Calendar) -> T) -> T {
        self.handle().with(act)
    }

    /// The calendar, for a hook.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.shared))
    }

    /// The plan of faults.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.shared.faults)
    }

    /// Whether the day's quota is used up.
    pub fn daily_limit(&self, reached: bool) {
        self.lock().daily_limit = reached;
    }

    /// Sync tokens given so far are answered with 410 from now on.
    pub fn expire_sync_tokens(&self) {
        self.lock().lists.expire_tokens();
    }

    /// Page tokens given so far are answered with 400 from now on.
    pub fn expire_page_tokens(&self) {
        self.lock().lists.expire_pages();
    }

    /// Access tokens given so far are answered with 401 from now on.
    pub fn revoke_access_tokens(&self) {
        self.lock().tokens.revoke_all();
    }

    /// How long access tokens are good from now on.
    pub fn access_tokens_last(&self, lifetime: SignedDuration) {
        self.lock().tokens.lifetime = lifetime;
    }

    /// How many exchanges were granted, and how many refused.
    #[must_use]
    pub fn exchanges(&self) -> (u32, u32) {
        let service = self.lock();
        (service.tokens.granted, service.tokens.denied)
    }

    /// The channels that are open.
    #[must_use]
    pub fn channels(&self) -> Vec<Channel> {
        let mut service = self.lock();
        service.now();
        service.channels.open.clone()
    }

    /// The channels that are open are closed, behind everybody's back.
    pub fn forget_channels(&self) {
        self.lock().channels.open.clear();
    }

    /// Calls `hook` when the `n`-th request to the calendar from now (counted from 1) has come in, before it is
    /// answered. It runs on the server's thread.
    pub fn on_request(&self, n: u64, hook: impl FnOnce() + Send + 'static) {
        lock(&self.shared.log).hook(n, Box::new(hook));
    }

    /// From now on `watcher` is told the path of each request to the calendar, before it is answered; what it does to
    /// the calendar the reply shows. It runs on the server's thread.
    pub fn watch(&self, watcher: impl FnMut(&str, &mut Calendar) + Send + 'static) {
        *lock(&self.shared.watcher) = Some(Box::new(watcher));
    }

    /// The requests to the calendar so far; forgets them.
    #[must_use]
    pub fn take_requests(&self) -> Vec<Request> {
        lock(&self.shared.log).take()
    }
}

/// A calendar in other hands.
pub struct Handle(Arc<Shared>);

impl Handle {
    /// As [`GoogleCalendarSimulator::with`].
    pub fn with<T>(&self, act: impl FnOnce(&mut Calendar) -> T) -> T {
        let mut service = lock(&self.0.service);
        service.now();
        act(&mut service.calendar)
    }

    /// How many channels are open.
    #[must_use]
    pub fn channels(&self) -> usize {
        lock(&self.0.service).channels.open.len()
    }

    /// The account gets a new key, whose file this answers with; the old one signs nothing any more, and tokens it was
    /// exchanged for are revoked.
    pub fn rotate_key(&self) -> String {
        let account = Account::generate(ACCOUNT);
        let mut service = lock(&self.0.service);
        service.tokens.account = account;
        service.tokens.revoke_all();
        service.tokens.account.key_file(&format!("{}/token", service.url))
    }

    /// As [`GoogleCalendarSimulator::daily_limit`].
    pub fn daily_limit(&self, reached: bool) {
        lock(&self.0.service).daily_limit = reached;
    }

    /// As [`GoogleCalendarSimulator::revoke_access_tokens`].
    pub fn revoke_access_tokens(&self) {
        lock(&self.0.service).tokens.revoke_all();
    }
}
