//! A queue in memory, for tests that check which messages were sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use penstock_clients::depths::{Depth, Depths, Reading};
use penstock_clients::queue::{Outlet, QueueError};

/// Keeps each message until a test takes it out. A test can make it refuse messages.
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
    /// Takes out the bodies of the messages, in the order in which they were sent.
    pub fn take(&self) -> Vec<String> {
        self.inner.lock().unwrap().messages.drain(..).map(|(body, _)| body).collect()
    }

    /// Returns the delays of the waiting messages, in the order in which they were sent.
    pub fn delays(&self) -> Vec<Duration> {
        self.inner.lock().unwrap().messages.iter().map(|(_, delay)| *delay).collect()
    }

    /// Makes the queue refuse messages from now on (`true`), or accept them again (`false`).
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

impl Depths for MemoryQueue {
    fn read(&self) -> Reading<'_> {
        Box::pin(async move {
            self.put(Vec::new())?;
            let waiting = u64::try_from(self.delays().len()).unwrap_or(u64::MAX);
            Ok(vec![Depth { queue: "memory".to_owned(), waiting, in_flight: 0 }])
        })
    }
}
