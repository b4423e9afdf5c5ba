//! Starts and stops a simulated Stripe, and gives tests access to it.

use std::io;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, MutexGuard};

use super::event::Emitted;
use super::log::Request;
use super::server::{self, DEFAULT_KEY, Keys, Shared};
use super::state::StripeAccount;
use super::truth::{Ledger, TruthRow};
use crate::loopback::{Loopback, lock};
use crate::simulators::faults::Faults;

/// A simulated Stripe that listens on 127.0.0.1 until it is dropped.
///
/// It runs on a thread of its own, so it may be started and dropped in and outside async contexts.
/// The guards of [`StripeSimulator::account`] and [`StripeSimulator::faults`] block its replies:
/// drop them soon.
pub struct StripeSimulator {
    shared: Arc<Shared>,
    server: Loopback,
}

impl StripeSimulator {
    /// Starts on a free port.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn start(account: StripeAccount) -> io::Result<Self> {
        Self::start_on(account, 0)
    }

    /// Starts on `port`; 0 picks a free one.
    ///
    /// # Errors
    ///
    /// The port is in use, or no port is free.
    pub fn start_on(account: StripeAccount, port: u16) -> io::Result<Self> {
        let keys = Keys { secret: DEFAULT_KEY.to_owned(), forbidden: Vec::new() };
        let shared = Arc::new(Shared {
            account: Mutex::new(account),
            connected: Mutex::default(),
            faults: Mutex::default(),
            log: Mutex::default(),
            keys: Mutex::new(keys),
            watcher: Mutex::default(),
        });
        let served = Arc::clone(&shared);
        let answer = move |request| server::answer(Arc::clone(&served), request);
        Ok(Self { shared, server: Loopback::start("stripe-simulator", port, answer)? })
    }

    /// Connects an account, which the key reads with the header `Stripe-Account`.
    pub fn connect_account(&self, id: &str, account: StripeAccount) {
        lock(&self.shared.connected).insert(id.to_owned(), account);
    }

    /// Returns what `work` makes of a connected account; `None` if there is no such account.
    pub fn connected<T>(&self, id: &str, work: impl FnOnce(&mut StripeAccount) -> T) -> Option<T> {
        lock(&self.shared.connected).get_mut(id).map(work)
    }

    /// Returns the server's base URL, `http://127.0.0.1:port`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Returns the address that the server listens on.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.server.address()
    }

    /// Returns the secret key that it accepts now.
    #[must_use]
    pub fn key(&self) -> String {
        lock(&self.shared.keys).secret.clone()
    }

    /// Rolls the key: from here on a request with the old one gets a 401.
    pub fn set_key(&self, key: &str) {
        key.clone_into(&mut lock(&self.shared.keys).secret);
    }

    /// Takes the key's permission for paths that start with `prefix`: such a request gets a 403.
    pub fn forbid(&self, prefix: &str) {
        lock(&self.shared.keys).forbidden.push(prefix.to_owned());
    }

    /// Gives the key all permissions again.
    pub fn permit_all(&self) {
        lock(&self.shared.keys).forbidden.clear();
    }

    /// Locks the account. Replies wait while the guard is held.
    pub fn account(&self) -> MutexGuard<'_, StripeAccount> {
        lock(&self.shared.account)
    }

    /// Locks the plan of faults.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.shared.faults)
    }

    /// Returns every request so far, in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.log).requests().to_vec()
    }

    /// Returns the requests to paths that start with `prefix`.
    #[must_use]
    pub fn requests_to(&self, prefix: &str) -> Vec<Request> {
        let log = lock(&self.shared.log);
        log.requests().iter().filter(|r| r.path.starts_with(prefix)).cloned().collect()
    }

    /// Forgets the requests so far. Their numbering goes on.
    pub fn forget_requests(&self) {
        drop(lock(&self.shared.log).take());
    }

    /// Calls `hook` when the `n`-th request from now (counted from 1) has come in, before the
    /// reply. It runs on the server's thread: the reply waits for it.
    pub fn on_request(&self, n: u64, hook: impl FnOnce() + Send + 'static) {
        lock(&self.shared.log).hook(n, Box::new(hook));
    }

    /// Calls `watcher` with the path of each later request, before the reply. The reply shows the
    /// changes that `watcher` makes. It runs on the server's thread.
    pub fn watch(&self, watcher: impl FnMut(&str, &mut StripeAccount) + Send + 'static) {
        *lock(&self.shared.watcher) = Some(Box::new(watcher));
    }

    /// Returns the account's time in Unix seconds.
    #[must_use]
    pub fn now(&self) -> i64 {
        self.account().now()
    }

    /// Stops the account's clock at `now`, Unix seconds.
    pub fn set_now(&self, now: i64) {
        self.account().set_now(now);
    }

    /// Moves the account's clock forward by `seconds`.
    pub fn advance(&self, seconds: i64) {
        self.account().advance(seconds);
    }

    /// Advances the account's clock until no object or event is late any more, and returns its
    /// time.
    pub fn settle(&self) -> i64 {
        self.account().settle()
    }

    /// Applies `n` random actions now; see [`StripeAccount::change`].
    pub fn change(&self, n: u32) -> Vec<Emitted> {
        self.account().change(n)
    }

    /// Returns the account's books; see [`StripeAccount::ledger`].
    #[must_use]
    pub fn ledger(&self) -> Ledger {
        self.account().ledger()
    }

    /// Returns the books of objects created in `[from, to)`, Unix seconds.
    #[must_use]
    pub fn ledger_between(&self, from: i64, to: i64) -> Ledger {
        self.account().ledger_between(from, to)
    }

    /// Returns every object as it is now.
    #[must_use]
    pub fn truth(&self) -> Vec<TruthRow> {
        self.account().truth()
    }

    /// Serves until the process ends.
    pub fn wait(mut self) {
        self.server.wait();
    }
}
