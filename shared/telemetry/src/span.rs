//! Units of work as spans of OpenTelemetry.

use std::time::Duration;

use jiff::Timestamp;

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
