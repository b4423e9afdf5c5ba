//! The outside world as `console` sees it.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::depths::Depths;
use penstock_clients::issuer::KeyIssuer;
use penstock_clients::queue::{NotTaken, Outlet, offer};
use penstock_domain::clock::Clock;
use penstock_store::Database;

use crate::ConsoleConfig;

/// The ports of `console`.
pub struct Ports {
    /// Everything is read from here, and written here.
    pub database: Database,
    /// The queue that `fetch` reads.
    pub requests: Arc<dyn Messages>,
    /// The queue that `settle` reads.
    pub transactions: Arc<dyn Messages>,
    /// Makes the marks of new API keys.
    pub issuer: KeyIssuer,
    /// Counts what waits in the queues.
    pub depths: Arc<dyn Depths>,
    /// The operator's settings.
    pub config: ConsoleConfig,
    /// The time.
    pub clock: Arc<dyn Now>,
}

/// The time. Pages need no more of a clock.
pub trait Now: Send + Sync {
    /// Returns the current instant.
    fn now(&self) -> Timestamp;
}

impl<C: Clock> Now for C {
    fn now(&self) -> Timestamp {
        Clock::now(self)
    }
}

/// A queue that is told of committed rows. A message that it does not take is sent by `relay`.
pub trait Messages: Send + Sync {
    /// Sends messages, and waits for the queue no longer than `patience`.
    fn tell(&self, bodies: Vec<String>, patience: Duration) -> Telling<'_>;
}

/// The outcome of messages that are on their way.
pub type Telling<'a> = Pin<Box<dyn Future<Output = Result<(), NotTaken>> + Send + 'a>>;

impl<Q: Outlet> Messages for Q {
    fn tell(&self, bodies: Vec<String>, patience: Duration) -> Telling<'_> {
        Box::pin(offer(self, bodies, patience))
    }
}
