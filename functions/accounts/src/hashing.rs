//! The hashing of passwords, which is most of the time of a sign-in.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use penstock_domain::account::password::{self, Cost, Password, Verdict};
use penstock_edge::http::Failure;
use tokio::runtime::{Handle, RuntimeFlavor};

use crate::random::new_salt;

/// Hashes passwords at one cost, and counts how often.
#[derive(Debug, Clone)]
pub struct Hashing {
    cost: Cost,
    count: Arc<AtomicU64>,
}

impl Hashing {
    /// Hashes at a cost.
    #[must_use]
    pub fn at(cost: Cost) -> Self {
        Self { cost, count: Arc::default() }
    }

    /// The number of hashes that were computed so far.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.count.load(Ordering::Relaxed)
    }

    /// Returns the stored form of a password.
    pub(crate) async fn hash(&self, password: Password) -> Result<String, Failure> {
        let (cost, salt) = (self.cost, new_salt()?);
        self.work(move || password::hash(&password, salt, cost)).await?.map_err(Failure::internal)
    }

    /// Compares a password with its stored form. Takes as long without one.
    pub(crate) async fn verify(
        &self,
        password: Password,
        stored: Option<String>,
    ) -> Result<Verdict, Failure> {
        let cost = self.cost;
        self.work(move || password::verify(&password, stored.as_deref(), cost)).await
    }

    /// Works beside the runtime if it has threads. In Lambda it has one, and an environment answers
    /// one request at a time.
    async fn work<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<T, Failure> {
        self.count.fetch_add(1, Ordering::Relaxed);
        match Handle::current().runtime_flavor() {
            RuntimeFlavor::CurrentThread => Ok(work()),
            _ => tokio::task::spawn_blocking(work).await.map_err(Failure::internal),
        }
    }
}
