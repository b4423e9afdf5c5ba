//! Secrets in memory, for tests of what is written under which name, and of what dies in between.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use penstock_clients::secret_store::{SecretStore, WriteError, Writing};
use secrecy::{ExposeSecret, SecretString};
use tokio::sync::Notify;

/// Keeps each secret until it is deleted. A test can have requests fail, and work end
/// in the middle of one.
#[derive(Debug, Clone, Default)]
pub struct MemorySecrets {
    inner: Arc<Mutex<Inner>>,
    hung: Arc<Notify>,
}

#[derive(Debug, Default)]
struct Inner {
    texts: BTreeMap<String, String>,
    requests: usize,
    hangs_at: Option<(usize, Moment)>,
    refusing: bool,
}

/// When work ends in a request: before it does anything, or after it has done everything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Moment {
    Before,
    After,
}

impl MemorySecrets {
    /// Returns the texts by their names.
    pub fn texts(&self) -> BTreeMap<String, String> {
        self.inner.lock().unwrap().texts.clone()
    }

    /// Puts a secret there, as an operator's own program does.
    pub fn put(&self, name: &str, text: &str) {
        self.inner.lock().unwrap().texts.insert(name.to_owned(), text.to_owned());
    }

    /// Returns how many requests there were.
    pub fn requests(&self) -> usize {
        self.inner.lock().unwrap().requests
    }

    /// Runs `work` until its request with this number, 1 for the next, and ends it there. Returns
    /// the outcome of work that makes fewer requests.
    pub async fn end_at<T>(
        &self,
        nth: usize,
        moment: Moment,
        work: impl Future<Output = T>,
    ) -> Option<T> {
        {
            let mut inner = self.inner.lock().unwrap();
            inner.hangs_at = Some((inner.requests + nth, moment));
        }
        let outcome = tokio::select! {
            outcome = work => Some(outcome),
            () = self.hung.notified() => None,
        };
        self.inner.lock().unwrap().hangs_at = None;
        outcome
    }

    /// Makes all requests fail from now on (`true`), or succeed again (`false`).
    pub fn refuse(&self, refusing: bool) {
        self.inner.lock().unwrap().refusing = refusing;
    }

    async fn hang(&self) {
        self.hung.notify_one();
        std::future::pending::<()>().await;
    }

    async fn change(
        &self,
        name: &str,
        change: impl FnOnce(&mut BTreeMap<String, String>) + Send,
    ) -> Result<(), WriteError> {
        // Others get their turn between any two requests.
        tokio::task::yield_now().await;
        let hangs = {
            let mut inner = self.inner.lock().unwrap();
            inner.requests += 1;
            let number = inner.requests;
            inner.hangs_at.filter(|(at, _)| *at == number).map(|(_, moment)| moment)
        };
        if hangs == Some(Moment::Before) {
            self.hang().await;
        }
        {
            let mut inner = self.inner.lock().unwrap();
            if inner.refusing {
                return Err(WriteError::Silent(name.to_owned()));
            }
            change(&mut inner.texts);
        }
        if hangs == Some(Moment::After) {
            self.hang().await;
        }
        tokio::time::sleep(Duration::from_millis(1)).await;
        Ok(())
    }
}

impl SecretStore for MemorySecrets {
    fn write<'a>(&'a self, name: &'a str, text: &'a SecretString, _of: &'a str) -> Writing<'a> {
        Box::pin(self.change(name, move |texts| {
            texts.insert(name.to_owned(), text.expose_secret().to_owned());
        }))
    }

    fn delete<'a>(&'a self, name: &'a str) -> Writing<'a> {
        Box::pin(self.change(name, move |texts| {
            texts.remove(name);
        }))
    }
}
