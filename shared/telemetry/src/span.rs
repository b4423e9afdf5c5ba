//! Units of work as spans of OpenTelemetry. They are exported by the feature `otlp` only; without
//! it nothing is kept here.

use std::time::Duration;

use jiff::Timestamp;

use crate::work::Work;

/// The part of a unit of work in its trace, in OpenTelemetry's numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An invocation that is no request.
    Internal = 1,
    /// A request over HTTP.
    Server = 2,
    /// A message of a queue.
    Consumer = 5,
}

/// How a unit of work ended.
#[derive(Debug, Clone, Copy)]
pub struct Ended {
    /// Its kind.
    pub kind: Kind,
    /// Its name, of a few words: `answered`, `message_worked`.
    pub name: &'static str,
    /// When it ended.
    pub at: Timestamp,
    /// How long it took.
    pub took: Duration,
    /// Whether it failed.
    pub failed: bool,
}

impl Work {
    /// Notes that this work has ended. [`flush`] sends it.
    pub fn ended(&self, ended: Ended) {
        #[cfg(feature = "otlp")]
        crate::otlp::note(self, ended);
        #[cfg(not(feature = "otlp"))]
        let _ = ended;
    }
}

/// Sends the spans that were noted, before the invocation ends: Lambda freezes what comes later.
/// Without the feature `otlp` there are none.
pub async fn flush() {
    #[cfg(feature = "otlp")]
    crate::otlp::flush().await;
}
