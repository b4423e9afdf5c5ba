//! Starts and stops a simulated portal, and gives tests access to it.

use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

use super::DEFAULT_TOKEN;
use super::faults::Faults;
use super::log::Request;
use super::server::{Shared, answer};
use super::state::{HubSpotPortal, Kind};
use crate::loopback::{Loopback, lock};

/// A simulated HubSpot portal that listens on 127.0.0.1 until it is dropped.
pub struct HubSpotSimulator {
    shared: Arc<Shared>,
    server: Loopback,
}

impl HubSpotSimulator {
    /// Starts on a free port.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn start(portal: HubSpotPortal) -> io::Result<Self> {
        Self::start_on(portal, 0)
    }

    /// Starts on `port`; 0 picks a free one.
    ///
    /// # Errors
    ///
    /// The port is in use, or no port is free.
    pub fn start_on(portal: HubSpotPortal, port: u16) -> io::Result<Self> {
        let shared = Arc::new(Shared {
            portal: Mutex::new(portal),
            faults: Mutex::default(),
            log: Mutex::default(),
            watcher: Mutex::default(),
            between_lists: Mutex::default(),
            token: Mutex::new(DEFAULT_TOKEN.to_owned()),
            clock: Mutex::default(),
            searches: Mutex::default(),
        });
        let served = Arc::clone(&shared);
        let server = Loopback::start("hubspot-simulator", port, move |request| {
            answer(Arc::clone(&served), request)
        })?;
        Ok(Self { shared, server })
    }

    /// Returns the server's base URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> String {
        self.server.url()
    }

    /// Takes the portal's time, in Unix milliseconds, from `clock` from here on.
    pub fn follow(&self, clock: impl Fn() -> i64 + Send + 'static) {
        lock(&self.shared.portal).set_now(clock());
        *lock(&self.shared.clock) = Some(Box::new(clock));
    }

    /// Locks the portal as it is now. Replies wait while the guard is held.
    pub fn portal(&self) -> MutexGuard<'_, HubSpotPortal> {
        let now = lock(&self.shared.clock).as_ref().map(|clock| clock());
        let mut portal = lock(&self.shared.portal);
        if let Some(now) = now {
            portal.set_now(now);
        }
        portal
    }

    /// Locks the plan of faults.
    pub fn faults(&self) -> MutexGuard<'_, Faults> {
        lock(&self.shared.faults)
    }

    /// Limits search to five requests per second from here on.
    pub fn limit_searches(&self) {
        *lock(&self.shared.searches) = Some((0, 0));
    }

    /// Replaces the token. A request with the old one is refused.
    pub fn set_token(&self, token: &str) {
        token.clone_into(&mut lock(&self.shared.token));
    }

    /// Returns every request so far.
    #[must_use]
    pub fn requests(&self) -> Vec<Request> {
        lock(&self.shared.log).requests().to_vec()
    }

    /// Changes the portal when the `n`-th request from now has come in, before the reply.
    pub fn on_request(&self, n: u64, hook: impl FnOnce(&mut HubSpotPortal) + Send + 'static) {
        lock(&self.shared.log).hook(n, Box::new(hook));
    }

    /// Changes the portal once the list of what is there is drained, before the archived list of
    /// that kind begins.
    pub fn between_lists(&self, kind: Kind, act: impl FnOnce(&mut HubSpotPortal) + Send + 'static) {
        lock(&self.shared.between_lists).push((kind, Box::new(act)));
    }

    /// Calls `watcher` with the path of each later request, before the reply. The reply shows the
    /// changes that `watcher` makes. It runs on the server's thread.
    pub fn watch(&self, watcher: impl FnMut(&str, &mut HubSpotPortal) + Send + 'static) {
        *lock(&self.shared.watcher) = Some(Box::new(watcher));
    }
}
