//! A queue in memory, for tests that check which messages were sent.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use penstock_clients::depths::{Depth, Depths, Reading};
use penstock_clients::queue::{Outlet, QueueError};
use penstock_telemetry::work::Work;

/// Keeps each message until a test takes it out. A test can make it refuse messages.
#[derive(Debug, Clone, Default)]
pub struct MemoryQueue {
    inner: Arc<Mutex<Inner>>,
}

#[derive(Debug, Default)]
struct Inner {
    messages: Vec<SentMessage>,
    refusing: bool,
}

/// A message as it was sent.
#[derive(Debug, Clone)]
pub struct SentMessage {
    pub body: String,
    pub delay: Duration,
    /// The work that has sent it; `None` outside of any.
    pub by: Option<Work>,
}

impl MemoryQueue {
    /// Takes out the bodies of the messages, in the order in which they were sent.
    pub fn take(&self) -> Vec<String> {
        self.inner.lock().unwrap().messages.drain(..).map(|message| message.body).collect()
    }

    /// Takes out the messages with what was said beside their bodies.
    pub fn take_messages(&self) -> Vec<SentMessage> {
        std::mem::take(&mut self.inner.lock().unwrap().messages)
    }

    /// Returns the delays of the waiting messages, in the order in which they were sent.
    pub fn delays(&self) -> Vec<Duration> {
        self.inner.lock().unwrap().messages.iter().map(|message| message.delay).collect()
    }

    /// Makes the queue refuse messages from now on (`true`), or accept them again (`false`).
    pub fn refuse(&self, refusing: bool) {
        self.inner.lock().unwrap().refusing = refusing;
    }

    fn put(&self, bodies: Vec<(String, Duration)>) -> Result<(), QueueError> {
        let mut inner = self.inner.lock().unwrap();
        if inner.refusing {
            return Err(QueueError::new("memory", "told to refuse"));
        }
        let by = Work::current();
        let sent = |(body, delay)| SentMessage { body, delay, by: by.clone() };
        inner.messages.extend(bodies.into_iter().map(sent));
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
            Ok(vec![Depth { queue: "memory", waiting, in_flight: 0 }])
        })
    }
}
