//! Paging through a vendor's history: where a pull stands, and what a page says of where to go on.

use std::time::Duration;

use jiff::Timestamp;
use serde::Deserialize;

use crate::clock::elapsed;
use crate::json::place;
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

/// How far the last run of a pull came. The next one begins here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checkpoint<'a> {
    /// Everything up to this time has been drained.
    pub watermark: Option<Timestamp>,
    /// The vendor's own cursor, if it gave one: opaque text, such as a sync token.
    pub token: Option<&'a str>,
}

impl Checkpoint<'_> {
    /// A checkpoint of a source that gives no cursor of its own.
    pub fn at(watermark: Option<Timestamp>) -> Self {
        Self { watermark, token: None }
    }
}

/// How a run begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begin {
    /// The first window. `None`: there is nothing to page through before a full run has brought a cursor;
    /// `backfill` says why, and no run is opened.
    pub position: Option<Position>,
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
    /// Two places to go on, in any order or at once: neither knows of the other. Both are kept until they are drained.
    Fork {
        /// A window of its own.
        window: Position,
        /// What lies outside it.
        rest: Position,
    },
    /// Nothing is left here. The vendor's own cursor, where it has one, is what the next run begins with; that of
    /// a full run is the incremental one's too. What a window that was forked off says of it does not count.
    Drained {
        /// Opaque text; `None` keeps the one there is.
        cursor: Option<String>,
    },
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

/// A request to a vendor, relative to its base URL: a GET, or with a body a POST of JSON. Values are not yet
/// percent-encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Begins with a slash.
    pub path: String,
    /// In the order they are sent.
    pub query: Vec<(&'static str, String)>,
    /// JSON to post.
    pub body: Option<String>,
}

impl Request {
    /// A GET.
    pub fn get(path: impl Into<String>, query: Vec<(&'static str, String)>) -> Self {
        Self { path: path.into(), query, body: None }
    }

    /// A POST of JSON. It must only read: it is sent again after a fault.
    pub fn post(path: impl Into<String>, body: impl Into<String>) -> Self {
        Self { path: path.into(), query: Vec::new(), body: Some(body.into()) }
    }
}

/// The meaning of an error reply whose status alone does not tell it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorClass {
    /// A rate limit. The request is sent again after this pause, or after `Retry-After` if that is
    /// longer. It does not count as an attempt.
    RateLimited(Duration),
    /// A limit that lasts longer than an invocation, such as one a day, with the vendor's reason.
    /// The run stops with it. It is not paused: `relay` asks for it again when the limit may be
    /// over.
    QuotaExhausted(String),
    /// The vendor no longer accepts the cursor, for this reason. The run ends, and full runs are
    /// requested.
    CursorExpired(String),
    /// The object asked for no longer exists.
    Gone,
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

/// Reads a reply's `body` as JSON of type `T`.
///
/// # Errors
/// [`PageError::Malformed`] names the place in the body, and repeats none of it.
pub(crate) fn parse_body<'a, T: Deserialize<'a>>(body: &'a [u8]) -> Result<T, PageError> {
    serde_json::from_slice(body)
        .map_err(|e| PageError::Malformed { bytes: body.len(), reason: place(&e) })
}

/// What paging is tuned by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    /// Objects a page.
    pub page_size: u32,
    /// The width of a window of history.
    pub window: Duration,
    /// Requests under way at once, where a source cuts its history into windows; zero counts as one.
    pub side_by_side: usize,
    /// Which part of the vendor's data this deployment pulls, in the vendor's word: a calendar's id.
    pub scope: Option<String>,
}

/// Where a full run stands whose windows go back in time ([`crate::source::Source::goes_back_in_time`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// Where it began, frozen.
    pub upper_bound: Timestamp,
    /// How far back its windows reach.
    pub cut_to: Timestamp,
    /// Whether that is where the history begins.
    pub complete: bool,
    /// The width of those that are not drained yet, together.
    pub open: Duration,
    /// The oldest object that is known from before, if any is.
    pub oldest: Option<Timestamp>,
}

impl History {
    /// The part that is behind it, in thousandths. None while nobody knows where the history begins.
    pub fn behind(self) -> Option<u32> {
        let beginning = if self.complete { self.cut_to } else { self.oldest?.min(self.cut_to) };
        let all = elapsed(beginning, self.upper_bound).as_millis();
        let done =
            elapsed(self.cut_to, self.upper_bound).saturating_sub(self.open).as_millis().min(all);
        (done * 1_000).checked_div(all).map_or(Some(1_000), |behind| u32::try_from(behind).ok())
    }
}
