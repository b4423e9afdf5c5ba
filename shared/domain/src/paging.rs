//! Paging through a vendor's history: the position of a pull, and how a page moves it.

use std::time::Duration;

use jiff::Timestamp;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Deserialize;

use crate::clock::elapsed;
use crate::json::place;
use crate::record::Item;

mod progress;

pub use progress::{EMPTY_PAGES, Progress};

/// The position that a pull has reached. It is stored in `sync_state` or `sync_windows` and moves
/// in the transaction of the page's rows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Position {
    /// The window's beginning, inclusive. `None` if no window is open: the request is for anything
    /// before `to`.
    pub from: Option<Timestamp>,
    /// The window's end, exclusive. It was frozen when the window was opened.
    pub to: Timestamp,
    /// The vendor's token of the next page; `None` for the first page.
    pub token: Option<String>,
}

/// The point from which the next run of a pull begins.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Checkpoint<'a> {
    /// Everything up to this time has been drained.
    pub watermark: Option<Timestamp>,
    /// The vendor's own cursor, if it gave one: opaque text, such as a sync token.
    pub token: Option<&'a str>,
}

impl Checkpoint<'_> {
    /// Creates a checkpoint that is only a time.
    pub fn at(watermark: Option<Timestamp>) -> Self {
        Self { watermark, token: None }
    }
}

/// The beginning of a run, as a source decides it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Begin {
    /// The first window. `None` if nothing can be paged before a full run has brought a cursor.
    /// Then `backfill` says why, and no run is opened.
    pub position: Option<Position>,
    /// Frozen now. It becomes the watermark once everything is drained.
    pub upper_bound: Timestamp,
    /// The reason why the cursor alone cannot tell what changed, if it cannot. Full runs are
    /// requested with this reason.
    pub backfill: Option<String>,
}

/// The way on after a page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// More pages follow from this position.
    Continue(Position),
    /// The history goes on from two positions, in any order or at once: neither knows of the other.
    /// Both are stored until they are drained.
    Fork {
        /// A window of its own.
        window: Position,
        /// Everything outside the window.
        rest: Position,
    },
    /// Nothing is left here. The next run begins with the vendor's own cursor, if there is one. A
    /// full run's cursor is stored for the incremental pull too. A cursor from a window that was
    /// forked off does not count.
    Drained {
        /// Opaque text; `None` keeps the stored one.
        cursor: Option<String>,
    },
    /// The list ends without what a complete one ends with, such as the cursor to go on from. What
    /// came is kept, and the run ends. It marks nothing as gone, and the stored cursor stays. Not
    /// for a source that forks windows off.
    Incomplete {
        /// The part that is missing.
        reason: &'static str,
    },
}

/// One page as a source has read it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<'a> {
    /// The objects with their bytes as sent.
    pub items: Vec<Item<'a>>,
    /// Ids that the page names without saying when the object became so. What the vendor answers to
    /// an id is stored in their place, since a list that is behind may name what has changed since.
    /// They do not count in a reconciliation, which sums what lists say.
    pub to_read: Vec<String>,
    pub next: Next,
    /// The reason to ask once more, where the reply may be a fault that passes. The same reply to
    /// the second request is believed.
    pub doubt: Option<&'static str>,
}

impl<'a> Page<'a> {
    /// Creates a page that is believed at once.
    pub fn new(items: Vec<Item<'a>>, next: Next) -> Self {
        Self { items, to_read: Vec::new(), next, doubt: None }
    }

    /// Creates a page without objects that goes on at `next`. A vendor may mean it, or have failed
    /// to read the objects, which a full run would then take for gone.
    pub fn empty(next: Next) -> Self {
        let doubt = Some("the page shows nothing and promises more");
        Self { items: Vec::new(), to_read: Vec::new(), next, doubt }
    }
}

/// A vendor's reply with status 200.
#[derive(Debug, Clone, Copy)]
pub struct Reply<'a> {
    /// Its `Date` header, or the time of the request if it has none.
    pub as_of: Timestamp,
    pub body: &'a [u8],
}

/// A request to a vendor, relative to its base URL: a GET, or with a body a POST of JSON. Values
/// are not yet percent-encoded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// Begins with a slash.
    pub path: String,
    /// In the order they are sent.
    pub query: Vec<(&'static str, String)>,
    /// JSON to post.
    pub body: Option<String>,
}

/// All bytes but those that a segment of a path may hold as they are: `unreserved` of RFC 3986, and
/// the `@` of the addresses by which calendars are called.
const ESCAPED: &AsciiSet =
    &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'@');

/// Encodes one segment of a URL's path. An id that holds a slash, a question mark or a percent sign
/// stays one segment. `.` and `..` cannot be encoded: see [`is_segment`].
pub fn segment(text: &str) -> String {
    utf8_percent_encode(text, ESCAPED).to_string()
}

/// An id that is longer names no object of any vendor. Google's are the longest.
const MAX_ID_BYTES: usize = 1_024;

/// Returns whether an id can be one segment of a path. URLs read `.` and `..` as steps within the
/// path even where they are encoded, and an empty segment names the list.
pub fn is_segment(id: &str) -> bool {
    !matches!(id, "" | "." | "..") && id.len() <= MAX_ID_BYTES
}

impl Request {
    /// Creates a GET of one object, by its id below the `path` of its list. The id may come from
    /// anywhere: it stays one segment of the path.
    pub fn object(path: &str, id: &str, query: Vec<(&'static str, String)>) -> Self {
        Self::get(format!("{path}/{}", segment(id)), query)
    }

    /// Creates a GET of `path` with `query`.
    pub fn get(path: impl Into<String>, query: Vec<(&'static str, String)>) -> Self {
        Self { path: path.into(), query, body: None }
    }

    /// Creates a POST of JSON. It must only read, because it is sent again after a fault.
    pub fn post(path: impl Into<String>, body: impl Into<String>) -> Self {
        Self { path: path.into(), query: Vec::new(), body: Some(body.into()) }
    }
}

/// The meaning of a vendor's refusal if its status alone does not say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ErrorClass {
    /// A rate limit: try again after this time, or after `Retry-After` if that is longer. It does
    /// not count as an attempt.
    RateLimited(Duration),
    /// A limit too long to wait for, such as a daily one. The run ends with this reason. It is not
    /// paused, and `relay` requests it again when the limit may be over.
    QuotaExhausted(String),
    /// The cursor has expired. The run ends with this reason, and full runs are requested.
    CursorExpired(String),
    /// The requested object no longer exists.
    Gone,
}

/// A reply that cannot be used. The message never repeats the body.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PageError {
    /// Not JSON of the expected shape: cut off, HTML, another object.
    #[error("the reply of {bytes} bytes is not what it should be: {reason}")]
    Malformed {
        bytes: usize,
        /// The expected shape, and the place in the body.
        reason: String,
    },
    /// The reply has status 200 and the vendor's error object inside.
    #[error("the reply has status 200 and an error inside: {0}")]
    ErrorInside(String),
    /// The reply promises more and gives nothing, or the same again. Going on would never end.
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

/// The settings of a pull's paging.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paging {
    /// Objects a page.
    pub page_size: u32,
    /// The width of a window of history.
    pub window: Duration,
    /// Concurrent requests if a source cuts its history into windows; zero counts as one.
    pub side_by_side: usize,
    /// The part of the vendor's data that this deployment pulls, in the vendor's word: a calendar's
    /// id.
    pub part: Option<String>,
    /// The vendor's API version, as its paths have it; `None` for the source's own.
    pub version: Option<String>,
}

/// The progress of a full run whose windows go back in time
/// ([`crate::source::Source::goes_back_in_time`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct History {
    /// The run's frozen upper bound.
    pub upper_bound: Timestamp,
    /// The beginning of the oldest window.
    pub cut_to: Timestamp,
    /// Whether the history begins at `cut_to`.
    pub complete: bool,
    /// The total width of the windows that are not drained yet.
    pub open: Duration,
    /// The oldest object that is known from before, if there is one.
    pub oldest: Option<Timestamp>,
}

impl History {
    /// Returns the finished part in thousandths, or `None` while the beginning of the history is
    /// unknown.
    pub fn behind(self) -> Option<u32> {
        let beginning = if self.complete { self.cut_to } else { self.oldest?.min(self.cut_to) };
        let all = elapsed(beginning, self.upper_bound).as_millis();
        let done =
            elapsed(self.cut_to, self.upper_bound).saturating_sub(self.open).as_millis().min(all);
        (done * 1_000).checked_div(all).map_or(Some(1_000), |behind| u32::try_from(behind).ok())
    }
}
