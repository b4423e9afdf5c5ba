//! `/users/{userId}/journey`: one user's events, newest first.
//!
//! The sender of an event says when it happened (trap 32). Any time is kept, and one that cannot be
//! right is flagged as it is stored. A query without bounds ends a day from now and begins ten
//! years ago.

mod cursor;
mod reply;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use penstock_domain::intake::{FAR_FUTURE, FAR_PAST};
use penstock_domain::text::LONGEST_ID;
use penstock_edge::http::{Call, Problem};
use penstock_store::StoreError;
use penstock_store::journey::{self, JourneyPage};
use tokio_postgres::Client;

use crate::MetricsConfig;
use crate::question::Question;
use cursor::Cursor;
pub(crate) use reply::JourneyReply;
use reply::{MOST_BYTES, fitting};

pub(crate) const DEFAULT_LIMIT: i64 = 100;
pub(crate) const MOST: i64 = 1000;

pub(crate) struct Journey {
    user_id: String,
    from: Timestamp,
    to: Timestamp,
    after: Option<Cursor>,
    limit: i64,
}

/// `GET /users/{userId}/journey`: `from` (inclusive, default ten years ago), `to` (exclusive,
/// default in a day), `limit` (1 to 1000, default 100), `cursor` (of the page before; it holds that
/// page's bounds).
pub(crate) fn page(_: &MetricsConfig, call: &mut Call<'_>) -> Result<Journey, Problem> {
    let (user_id, query, now) = (call.path("userId"), &mut call.query, call.now);
    let user_id = match user_id.map_or(Err("must be UTF-8, and its slashes encoded"), checked) {
        Ok(user_id) => user_id,
        Err(detail) => {
            query.reject_path("userId", detail);
            String::new()
        }
    };
    let limit = query.take_number("limit", 1, MOST).unwrap_or(DEFAULT_LIMIT);
    let (from, to) = (query.take_as("from", time), query.take_as("to", time));
    let cursor = query
        .take_as("cursor", |text| Cursor::parse(text).ok_or("must be a nextCursor".to_owned()));
    let bounds = match &cursor {
        Some(cursor) => {
            for (name, given, pinned) in [("from", from, cursor.from), ("to", to, cursor.to)] {
                if given.is_some_and(|given| given != pinned) {
                    query.reject(name, "must be that of the first page, or be left out");
                }
            }
            (cursor.from, cursor.to)
        }
        None => (from.unwrap_or(up(now - FAR_PAST)), to.unwrap_or(up(now + FAR_FUTURE))),
    };
    match (bounds, from) {
        ((from, to), _) if from < to => {}
        ((_, to), Some(_)) => query.reject("from", &format!("must be before `to`, which is {to}")),
        ((from, _), None) => query.reject("to", &format!("must be after `from`, which is {from}")),
    }
    Ok(Journey { user_id, from: bounds.0, to: bounds.1, after: cursor, limit })
}

/// As an event's sender may name it.
fn checked(user_id: String) -> Result<String, &'static str> {
    match user_id {
        id if id.contains('\0') => Err("must not hold the character U+0000"),
        id if id.is_empty() || id.chars().count() > LONGEST_ID => {
            Err("must have 1 to 255 characters")
        }
        id => Ok(id),
    }
}

/// A bound; a date is its midnight in UTC. To the microsecond that Postgres keeps: of what happened
/// before it all is, and of what did not none.
fn time(text: &str) -> Result<Timestamp, String> {
    let midnight = |date: Date| date.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    let time = text.parse::<Timestamp>().ok().or_else(|| text.parse().ok().and_then(midnight));
    let time = time.map(up).filter(cursor::is_kept);
    time.ok_or("must be a time by RFC 3339, such as 2026-06-01T12:00:00Z, or a date".to_owned())
}

/// The first whole microsecond that is not before.
fn up(time: Timestamp) -> Timestamp {
    let floor = Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time);
    if floor < time { floor.checked_add(1.microsecond()).unwrap_or(floor) } else { floor }
}

impl Question for Journey {
    type Answer = JourneyReply;

    /// A page may hold megabytes, and a stranger shall not have Postgres fetch them.
    fn is_cheap(&self) -> bool {
        false
    }

    async fn ask(&self, on: &Client) -> Result<Option<JourneyReply>, StoreError> {
        let page = JourneyPage {
            user_id: &self.user_id,
            from: self.from,
            before: self.after.as_ref().map_or((self.to, "", ""), Cursor::end),
            // One more than requested shows whether there is a next page.
            limit: self.limit + 1,
            bytes: i64::try_from(MOST_BYTES).unwrap_or(i64::MAX),
        };
        let (mut events, found) = journey::page(on, page).await?;
        let asked = usize::try_from(self.limit).unwrap_or(usize::MAX);
        events.truncate(asked);
        events.truncate(fitting(&self.user_id, &events));
        let last = events.last().filter(|_| events.len() < found);
        let next_cursor = last.map(|last| {
            let (event_id, sender) = (last.event_id.clone(), last.sender.clone());
            Cursor { from: self.from, to: self.to, at: last.occurred_at, event_id, sender }.text()
        });
        Ok(Some(JourneyReply::new(&self.user_id, events, (self.from, self.to), next_cursor)))
    }
}
