//! A queue in memory, for tests that look at what was sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use penstock_clients::queue::{Outlet, QueueError};

/// Takes messages and keeps them until a test takes them out; can be told to refuse.
#[derive(Debug, Clone, Default)]
pub struct MemoryQueue {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    messages: Vec<(String, Duration)>,
    refusing: bool,
}

impl MemoryQueue {
    /// Takes out what was sent, in order.
    pub fn take(&self) -> Vec<String> {
        self.inner.lock().unwrap().messages.drain(..).map(|(body, _)| body).collect()
    }

    /// The delays of what waits, in order.
    pub fn delays(&self) -> Vec<Duration> {
        self.inner.lock().unwrap().messages.iter().map(|(_, delay)| *delay).collect()
    }

    /// From now on, takes nothing (or takes again).
    pub fn refuse(&self, refusing: bool) {
        self.inner.lock().unwrap().refusing = refusing;
    }

    fn put(&self, messages: Vec<(String, Duration)>) -> Result<(), QueueError> {
        let mut inner = self.inner.lock().unwrap();
        if inner.refusing {
            return Err(QueueError::new("memory", "told to refuse"));
        }
        inner.messages.extend(messages);
        Ok(())
    }
}

impl Outlet for MemoryQueue {
    async fn send(&self, body: String, delay: Duration) -> Result<(), QueueError> {
        self.put(vec![(body, delay)])
    }

    async fn send_all(&self, bodies: Vec<String>) -> Result<(), QueueError> {
        self.put(bodies.into_iter().map(|body| (body, Duration::ZERO)).collect())
    }
}
