//! Paging through a vendor's history: where a pull stands, and what a page says of where to go on.

use std::time::Duration;

use jiff::Timestamp;

use crate::record::Item;

/// The place a pull has reached; kept in `sync_state`, moved in the transaction of the page's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// Where the window begins, inclusive. `None`: no window is open, the question is what lies before `to`.
    pub from: Option<Timestamp>,
    /// Where the window ends, exclusive; frozen when it was opened.
    pub to: Timestamp,
    /// The vendor's token of the next page; `None` for the first.
    pub token: Option<String>,
}

/// How a run begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begin {
    /// The first window.
    pub position: Position,
    /// Frozen now; the watermark once everything is drained.
    pub upper_bound: Timestamp,
    /// Why the cursor alone cannot tell what changed, where it cannot: full runs are needed beside this one.
    pub backfill: Option<String>,
}

/// What a page says of the next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Go on there.
    Continue(Position),
    /// Nothing is left.
    Drained,
}

/// One page, read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<'a> {
    /// What it holds, as sent.
    pub items: Vec<Item<'a>>,
    /// Where to go on.
    pub next: Next,
}

/// A vendor's reply with status 200.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// Its `Date` header; where it has none, the time the request was sent.
    pub as_of: Timestamp,
    /// Its body.
    pub body: &'a [u8],
}

/// A GET to a vendor, relative to its base URL. Values are not yet percent-encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Begins with a slash.
    pub path: String,
    /// In the order they are sent.
    pub query: Vec<(&'static str, String)>,
}

/// A reply that is not what it should be. Says what, never the body itself.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Not JSON of the expected shape: cut off, HTML, another object.
    #[error("the reply of {bytes} bytes is not what it should be: {reason}")]
    Malformed {
        /// The body's length.
        bytes: usize,
        /// What was expected and where it ended.
        reason: String,
    },
    /// Status 200 with the vendor's error object inside.
    #[error("the reply has status 200 and an error inside: {0}")]
    ErrorInside(String),
    /// More is promised and nothing given, or the same again: going on would never end.
    #[error("the reply would make an endless loop: {0}")]
    Loop(&'static str),
}

/// What paging is tuned by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Paging {
    /// Objects a page.
    pub page_size: u32,
    /// The width of a window of history.
    pub window: Duration,
}
