//! A running calendar.

use std::sync::{Arc, Mutex, MutexGuard};

use jiff::{SignedDuration, Timestamp};

use super::channels::{Channel, Channels};
use super::list::Lists;
use super::server;
use super::state::Calendar;
use super::token::{Account, Tokens};
use crate::loopback::{Loopback, lock};
use crate::simulators::stripe::{Fault, Faults};

/// The calendar's id; it needs encoding in a path.
pub const CALENDAR_ID: &str = "team#1@group.calendar.google.com";

/// A request, as it came.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Asked {
    /// Its path.
    pub path: String,
    /// Its parameters, decoded.
    pub query: Vec<(String, String)>,
    /// What it was answered with; 0 while it is not.
    pub status: u16,
    /// What went wrong on command.
    pub fault: Option<Fault>,
}

impl Asked {
    /// The value of a parameter.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

type Time = Box<dyn Fn() -> Timestamp + Send>;
type Hook = Box<dyn FnOnce() + Send>;
type Watcher = Box<dyn FnMut(&str, &mut Calendar) + Send>;

pub(super) struct State {
    pub(super) calendar: Calendar,
    pub(super) lists: Lists,
    pub(super) tokens: Tokens,
    pub(super) channels: Channels,
    pub(super) faults: Faults,
    pub(super) daily_limit: bool,
    pub(super) asked: Vec<Asked>,
    pub(super) hooks: Vec<(usize, Hook)>,
    pub(super) watcher: Option<Watcher>,
    pub(super) url: String,
    time: Time,
}

impl State {
    pub(super) fn now(&mut self) -> Timestamp {
        let now = (self.time)();
        self.calendar.set_now(now);
        self.channels.expire(now);
        now
    }
}

/// A simulated Google Calendar that listens on 127.0.0.1 until it is dropped.
pub struct GoogleCalendarSimulator {
    state: Arc<Mutex<State>>,
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
        let state = State {
            calendar,
            lists: Lists::default(),
            tokens: Tokens::new(Account::generate("reader@penstock.iam.gserviceaccount.com")),
            channels: Channels::default(),
            faults: Faults::default(),
            daily_limit: false,
            asked: Vec::new(),
            hooks: Vec::new(),
            watcher: None,
            url: String::new(),
            time: Box::new(move || now),
        };
        let state = Arc::new(Mutex::new(state));
        let served = Arc::clone(&state);
        let answer = move |request| server::answer(Arc::clone(&served), request);
        let server = Loopback::start("gcal-simulator", 0, answer).expect("a free port");
        lock(&state).url = server.url();
        Self { state, server }
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

    pub(super) fn lock(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// From now on its time is what `time` says.
    pub fn follow(&self, time: impl Fn() -> Timestamp + Send + 'static) {
        self.lock().time = Box::new(time);
    }

    /// Does something to the calendar, at its time. Replies wait meanwhile.
    pub fn with<T>(&self, act: impl FnOnce(&mut Calendar) -> T) -> T {
        self.handle().with(act)
    }

    /// The calendar, for a hook.
    #[must_use]
    pub fn handle(&self) -> Handle {
        Handle(Arc::clone(&self.state))
    }

    /// Does something to the plan of faults.
    pub fn faults(&self, act: impl FnOnce(&mut Faults)) {
        act(&mut self.lock().faults);
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
        let state = self.lock();
        (state.tokens.granted, state.tokens.denied)
    }

    /// The channels that are open.
    #[must_use]
    pub fn channels(&self) -> Vec<Channel> {
        let mut state = self.lock();
        state.now();
        state.channels.open.clone()
    }

    /// The channels that are open are closed, behind everybody's back.
    pub fn forget_channels(&self) {
        self.lock().channels.open.clear();
    }

    /// Calls `hook` when the `n`-th request to the calendar from now (counted from 1) has come in, before it is
    /// answered. It runs on the server's thread.
    pub fn on_request(&self, n: usize, hook: impl FnOnce() + Send + 'static) {
        let mut state = self.lock();
        let at = state.asked.len() + n;
        state.hooks.push((at, Box::new(hook)));
    }

    /// From now on `watcher` is told the path of each request to the calendar, before it is answered; what it does to
    /// the calendar the reply shows. It runs on the server's thread.
    pub fn watch(&self, watcher: impl FnMut(&str, &mut Calendar) + Send + 'static) {
        self.lock().watcher = Some(Box::new(watcher));
    }

    /// The requests to the calendar so far; forgets them.
    #[must_use]
    pub fn take_requests(&self) -> Vec<Asked> {
        std::mem::take(&mut self.lock().asked)
    }
}

/// A calendar in other hands.
pub struct Handle(Arc<Mutex<State>>);

impl Handle {
    /// As [`GoogleCalendarSimulator::with`].
    pub fn with<T>(&self, act: impl FnOnce(&mut Calendar) -> T) -> T {
        let mut state = lock(&self.0);
        state.now();
        act(&mut state.calendar)
    }

    /// How many channels are open.
    #[must_use]
    pub fn channels(&self) -> usize {
        lock(&self.0).channels.open.len()
    }

    /// The account gets a new key, whose file this answers with; the old one signs nothing any more, and tokens it was
    /// exchanged for are revoked.
    pub fn rotate_key(&self) -> String {
        let account = Account::generate("reader@penstock.iam.gserviceaccount.com");
        let mut state = lock(&self.0);
        state.tokens.account = account;
        state.tokens.revoke_all();
        state.tokens.account.key_file(&format!("{}/token", state.url))
    }

    /// As [`GoogleCalendarSimulator::daily_limit`].
    pub fn daily_limit(&self, reached: bool) {
        lock(&self.0).daily_limit = reached;
    }

    /// As [`GoogleCalendarSimulator::revoke_access_tokens`].
    pub fn revoke_access_tokens(&self) {
        lock(&self.0).tokens.revoke_all();
    }
}
