//! Starts and stops the third party, and gives tests access to it.

use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use penstock_domain::clock::Clock as _;
use tokio::sync::oneshot;
use uuid::Uuid;

use super::book::{Book, Entry, Fate, Status, Terms};
use super::call_back::{CallBack, DEFAULT_SECRET, Manners};
use super::fault::{Fault, Weather};
use super::server::{self, DEFAULT_KEY, Held, Request, Shared};
use super::wire;
use crate::clock::SetClock;
use crate::loopback::{Loopback, lock};
use crate::simulators::faults::Faults;

/// A third party that listens on 127.0.0.1 until it is dropped.
///
/// It runs on a thread of its own. The guards of [`ThirdPartySimulator::book`] and
/// [`ThirdPartySimulator::faults`] block its replies: drop them soon.
pub struct ThirdPartySimulator {
    shared: Arc<Shared>,
    server: Loopback,
}

/// Holds back the reply to one submission, whose work is done.
pub struct Gate {
    reached: oneshot::Receiver<()>,
    release: oneshot::Sender<()>,
}

impl Gate {
    /// Returns once the submission has come in and its work is done.
    pub async fn reached(&mut self) {
        // An error means that the third party is gone, and holds nothing back.
        (&mut self.reached).await.unwrap_or_default();
    }

    /// Lets the reply go.
    pub fn release(self) {
        // An error means that the client has not waited for the reply.
        self.release.send(()).unwrap_or_default();
    }
}

impl ThirdPartySimulator {
    /// Starts on a free port. All chances are drawn by `seed`.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn start(seed: u64, clock: &SetClock) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            seed,
            clock: clock.clone(),
            book: Mutex::new(Book::new(seed)),
            script: Mutex::default(),
            weather: Mutex::default(),
            key: Mutex::new(DEFAULT_KEY.to_owned()),
            log: Mutex::default(),
            counts: Mutex::new(BTreeMap::new()),
            held: Mutex::new(VecDeque::new()),
        });
        let served = Arc::clone(&shared);
        let answer = move |head, body| server::answer(Arc::clone(&served), head, body);
        Ok(Self { shared, server: wire::start("third-party", answer)? })
    }

    /// Returns the server's base URL, `http://127.0.0.1:port`, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Returns the key that it accepts now.
    #[must_use]
    pub fn key(&self) -> String {
        lock(&self.shared.key).clone()
    }

    /// Sets the key: from here on a request with the old one gets a 401.
    pub fn set_key(&self, key: &str) {
        key.clone_into(&mut lock(&self.shared.key));
    }

    /// Returns the secret that signs call-backs until a test sets others.
    #[must_use]
    pub const fn secret() -> &'static str {
        DEFAULT_SECRET
    }

    /// Sets the secrets that sign call-backs.
    pub fn sign_with(&self, secrets: &[&str]) {
        let secrets = secrets.iter().map(|&secret| secret.to_owned()).collect();
        self.book().outbox.secrets = secrets;
    }

    /// Changes the third party's terms.
    pub fn terms(&self, change: impl FnOnce(&mut Terms)) {
        change(&mut self.book().terms);
    }

    /// Sets how it calls back.
    pub fn manners(&self, manners: Manners) {
        self.book().outbox.manners = manners;
    }

    /// Sets the chances of faults.
    pub fn weather(&self, weather: Weather) {
        *lock(&self.shared.weather) = weather;
    }

    /// Locks the faults on command. Their prefix is that of a method and a path, such as `POST` or
    /// `GET /transaction/`.
    pub fn faults(&self) -> MutexGuard<'_, Faults<Fault>> {
        lock(&self.shared.script)
    }

    /// Locks the third party's book.
    pub fn book(&self) -> MutexGuard<'_, Book> {
        lock(&self.shared.book)
    }

    /// Sets the fate of a transaction that it has not heard of.
    pub fn destine(&self, id: Uuid, fate: Fate) {
        self.book().destine(id, fate);
    }

    /// Decides a transaction now, and calls back as its manners are.
    pub fn decide(&self, id: &Uuid, decision: Status) {
        let now = self.shared.clock.now();
        self.book().decide(id, decision, now);
    }

    /// Has it call back with any word, as soon as is asked for what is due.
    pub fn say(&self, id: Uuid, status: Status) {
        let now = self.shared.clock.now();
        self.book().outbox.add(now, id, status);
    }

    /// Returns what it has of a transaction.
    #[must_use]
    pub fn entry(&self, id: &Uuid) -> Option<Entry> {
        self.book().entry(id).cloned()
    }

    /// Returns every request so far, in the order of arrival.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.log).clone()
    }

    /// Returns the requests about a transaction.
    #[must_use]
    pub fn requests_of(&self, id: &Uuid) -> Vec<Request> {
        let log = lock(&self.shared.log);
        log.iter().filter(|request| request.id == Some(*id)).cloned().collect()
    }

    /// Holds back the reply to the next submission, once its work is done. Repeated calls queue up.
    #[must_use]
    pub fn hold_reply(&self) -> Gate {
        let ((reached, is_reached), (release, released)) = (oneshot::channel(), oneshot::channel());
        lock(&self.shared.held).push_back(Held { reached, released });
        Gate { reached: is_reached, release }
    }

    /// Takes out the call-backs that are due, signed now, for the test to deliver.
    #[must_use]
    pub fn due_call_backs(&self) -> Vec<CallBack> {
        let now = self.shared.clock.now();
        let mut book = self.book();
        book.pass(now);
        book.outbox.take(now)
    }

    /// Takes back a call-back that was not taken. It is due again later.
    pub fn take_back(&self, call_back: CallBack) {
        let now = self.shared.clock.now();
        self.book().outbox.again(call_back, now);
    }
}
