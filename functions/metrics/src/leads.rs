//! `/leads`, newest first, as JSON or CSV, and `/leads/{id}`.

mod body;
mod csv;
mod reply;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use penstock_domain::text::{LONGEST_ID, LONGEST_LEAD_FIELD};
use penstock_edge::http::{
    Call, Cursor, Failure, NEXT_CURSOR, Problem, Query, Reply, StatusCode, header,
};
use penstock_store::StoreError;
use penstock_store::leads::{self, LeadFilter, LeadPage, LeadRecord};
use serde::Serialize;
use tokio_postgres::Client;
use uuid::Uuid;

use crate::MetricsConfig;
use crate::question::Question;
pub(crate) use reply::LeadDetail;
use reply::LeadItem;

pub(crate) const DEFAULT_LIMIT: i64 = 50;
pub(crate) const MOST: i64 = 1000;
pub(crate) const STATES: [&str; 4] = ["accepted", "conflicting", "rejected", "any"];

/// The most characters of a search.
pub(crate) const LONGEST_SEARCH: usize = 200;

/// The newest changes that a lead is shown with.
pub(crate) const MOST_CHANGES: i64 = 200;

/// The most bytes of a page: Lambda takes 6 MiB, and its reply holds the text as a string of JSON.
const MOST_BYTES: usize = 4 * 1024 * 1024;

pub(crate) struct Leads {
    filter: LeadFilter,
    from: Timestamp,
    before: (Timestamp, Uuid),
    limit: i64,
    as_csv: bool,
}

/// `GET /leads`: `status` and `assignedTo` (empty: without one), `state` (default `accepted`),
/// `sender`, `email`, `phone`, `country`, `q` (words), `from` (inclusive), `to` (exclusive),
/// `limit` (1 to 1000, default 50), `cursor` (of the page before). With `Accept: text/csv` it is a
/// table.
pub(crate) fn page(_: &MetricsConfig, call: &mut Call<'_>) -> Result<Leads, Problem> {
    let as_csv = csv::is_wanted(&call.request.headers);
    let query = &mut call.query;
    let limit = query.take_number("limit", 1, MOST).unwrap_or(DEFAULT_LIMIT);
    let cursor = Cursor::take(query, is_of_leads);
    let from = query.take_as("from", time).unwrap_or(EARLIEST);
    let to = query.take_as("to", time);
    if to.is_some_and(|to| to <= from) {
        query.reject("from", "must be before `to`");
    }
    let end = (to.unwrap_or(LATEST), Uuid::nil());
    // Of two ends the earlier one: a cursor may come with the bounds of its first page.
    let before = cursor.map_or(end, |cursor| end.min((cursor.at, cursor.id)));
    Ok(Leads { filter: filter(query), from, before, limit, as_csv })
}

/// Takes the filters.
fn filter(query: &mut Query) -> LeadFilter {
    let state = query.take_as("state", |text| match STATES.contains(&text) {
        true => Ok(text.to_owned()),
        false => Err(format!("must be one of {}", STATES.join(", "))),
    });
    let state = state.unwrap_or_else(|| "accepted".to_owned());
    LeadFilter {
        state: Some(state).filter(|state| state != "any"),
        status: query.take_as("status", |text| plain(text, 0, LONGEST_LEAD_FIELD)),
        assigned_to: query.take_as("assignedTo", |text| plain(text, 0, LONGEST_LEAD_FIELD)),
        sender: query.take_as("sender", |text| plain(text, 1, LONGEST_ID)),
        email: query.take_as("email", |text| plain(text, 1, LONGEST_ID)),
        phone: query.take_as("phone", digits),
        country: query.take_as("country", |text| plain(text, 1, LONGEST_ID)),
        words: query.take_as("q", |text| {
            let text = plain(text, 1, LONGEST_SEARCH)?;
            leads::words(&text).ok_or_else(|| "must have a letter or a digit".to_owned())
        }),
    }
}

fn plain(text: &str, least: usize, most: usize) -> Result<String, String> {
    match (least..=most).contains(&text.chars().count()) && !text.contains('\0') {
        true => Ok(text.to_owned()),
        false => Err(format!("must have {least} to {most} characters, and not U+0000")),
    }
}

/// The digits of a telephone number, however it is grouped.
fn digits(text: &str) -> Result<String, String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let is_number = text.chars().all(|c| c.is_ascii_digit() || " +-./()".contains(c));
    match is_number && (3..=20).contains(&digits.len()) {
        true => Ok(digits),
        false => Err("must be a telephone number of 3 to 20 digits".to_owned()),
    }
}

/// No lead was received before.
const EARLIEST: Timestamp = Timestamp::UNIX_EPOCH;

/// No lead was received then or later: the end of the year 9998.
const LATEST: Timestamp = Timestamp::constant(253_370_764_800, 0);

/// A bound; a date is its midnight in UTC. To the microsecond that Postgres keeps.
fn time(text: &str) -> Result<Timestamp, String> {
    let midnight = |date: Date| date.to_zoned(TimeZone::UTC).ok().map(|day| day.timestamp());
    let time = text.parse::<Timestamp>().ok().or_else(|| text.parse().ok().and_then(midnight));
    let time = time.map(up).filter(|time| (EARLIEST..=LATEST).contains(time));
    time.ok_or_else(|| {
        "must be a time by RFC 3339 from 1970 to 9998, such as 2026-06-01T12:00:00Z, or a date"
            .to_owned()
    })
}

/// The first whole microsecond that is not before.
fn up(time: Timestamp) -> Timestamp {
    let floor = Timestamp::from_microsecond(time.as_microsecond()).unwrap_or(time);
    if floor < time { floor.checked_add(1.microsecond()).unwrap_or(floor) } else { floor }
}

/// Whether a lead can have come at the cursor's time.
fn is_of_leads(cursor: &Cursor) -> bool {
    (EARLIEST..=LATEST).contains(&cursor.at)
}

#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Leads"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeadsReply {
    leads: Vec<LeadItem>,
    /// The number of leads on this page.
    count: usize,
    next_cursor: Option<String>,
}

impl Question for Leads {
    type Answer = LeadsReply;

    /// A page may hold megabytes, and a stranger shall not have Postgres fetch them.
    fn is_cheap(&self) -> bool {
        false
    }

    async fn ask(&self, on: &Client) -> Result<Option<LeadsReply>, StoreError> {
        let page = LeadPage {
            filter: &self.filter,
            from: self.from,
            before: self.before,
            // One more than requested shows whether there is a next page.
            limit: self.limit + 1,
            bytes: i64::try_from(MOST_BYTES).unwrap_or(i64::MAX),
        };
        let (mut records, found) = leads::page(on, page).await?;
        records.truncate(usize::try_from(self.limit).unwrap_or(usize::MAX));
        records.truncate(reply::fitting(&records, MOST_BYTES));
        let last = records.last().filter(|_| records.len() < found).map(end_of);
        let leads: Vec<LeadItem> = records.into_iter().map(LeadItem::from).collect();
        let next_cursor = last.map(Cursor::text);
        Ok(Some(LeadsReply { count: leads.len(), leads, next_cursor }))
    }

    fn reply(&self, answer: LeadsReply) -> Result<Reply, Failure> {
        let cursor = answer.next_cursor.clone();
        let reply = match self.as_csv {
            true => csv::reply(&answer.leads),
            false => Reply::json(StatusCode::OK, &answer)?,
        };
        let reply = reply.with_header(header::VARY, "accept");
        Ok(match cursor {
            Some(cursor) => reply.with_header(NEXT_CURSOR, &cursor),
            None => reply,
        })
    }
}

fn end_of(lead: &LeadRecord) -> Cursor {
    Cursor { at: lead.received_at, id: lead.id }
}

pub(crate) struct OneLead(Uuid);

/// `GET /leads/{id}`: an id that is no UUID is a lead that does not exist.
pub(crate) fn one(_: &MetricsConfig, call: &mut Call<'_>) -> Result<OneLead, Problem> {
    let id = call.path("id").and_then(|id| Uuid::try_parse(&id).ok());
    id.map(OneLead).ok_or_else(|| Problem::not_found("There is no such lead."))
}

impl Question for OneLead {
    type Answer = LeadDetail;

    /// A lead may have a megabyte, as a page.
    fn is_cheap(&self) -> bool {
        false
    }

    async fn ask(&self, on: &Client) -> Result<Option<LeadDetail>, StoreError> {
        Ok(leads::find(on, self.0, MOST_CHANGES).await?.map(LeadDetail::from))
    }

    fn reply(&self, answer: LeadDetail) -> Result<Reply, Failure> {
        let etag = answer.etag();
        Ok(Reply::json(StatusCode::OK, &answer)?.with_header(header::ETAG, &etag))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cursor_of_a_time_at_which_no_lead_can_have_come_is_none() {
        let is_sound = |text: &str| Cursor::parse(text).is_some_and(|cursor| is_of_leads(&cursor));
        let at = Timestamp::from_microsecond(1_767_225_600_123_456).unwrap();
        assert!(is_sound(&Cursor { at, id: Uuid::from_u128(7) }.text()));
        for bad in ["", "x", "\u{e9}", &"0".repeat(47), &"f".repeat(48), &"f".repeat(49)] {
            assert!(!is_sound(bad), "{bad}");
        }
    }

    #[test]
    fn a_number_is_its_digits_and_what_is_no_number_is_refused() {
        assert_eq!(digits("+49 (30) 901-820").as_deref(), Ok("4930901820"));
        for bad in ["", "12", "call me", "1234x", &"1".repeat(21)] {
            assert!(digits(bad).is_err(), "{bad}");
        }
    }
}
