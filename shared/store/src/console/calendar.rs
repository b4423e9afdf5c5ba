//! Entries of calendars, by page.

use jiff::Timestamp;
use jiff::civil::Date;
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    console.calendar: Calendar<'a> {
        from: Timestamp,
        source: Option<&'a str>,
        after: Option<Timestamp>,
        after_source: Option<&'a str>,
        after_calendar: Option<&'a str>,
        after_id: Option<&'a str>,
        limit: i64,
    }
}

/// An entry of a calendar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The name of the connection.
    pub source: String,
    pub calendar_id: String,
    pub external_id: String,
    pub status: String,
    pub summary: Option<String>,
    /// These two, or the two dates.
    pub starts_at: Option<Timestamp>,
    pub ends_at: Option<Timestamp>,
    pub start_date: Option<Date>,
    /// The day after the last.
    pub end_date: Option<Date>,
    pub deleted_at: Option<Timestamp>,
    pub version_at: Timestamp,
    /// The place in the order of the pages: a date is its midnight in UTC.
    pub begins_at: Timestamp,
}

/// The place of an entry in the order of the pages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place<'a> {
    pub begins_at: Timestamp,
    pub source: &'a str,
    pub calendar_id: &'a str,
    pub external_id: &'a str,
}

/// Returns entries that begin at `from` or later, in the order in which they begin.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn page(
    on: &impl GenericClient,
    from: Timestamp,
    source: Option<&str>,
    after: Option<Place<'_>>,
    limit: i64,
) -> Result<Vec<Entry>, StoreError> {
    let page = Calendar {
        from,
        source,
        after: after.map(|place| place.begins_at),
        after_source: after.map(|place| place.source),
        after_calendar: after.map(|place| place.calendar_id),
        after_id: after.map(|place| place.external_id),
        limit,
    };
    page.rows(on).await?.iter().map(entry).collect()
}

fn entry(row: &Row) -> Result<Entry, StoreError> {
    Ok(Entry {
        source: row.read("source")?,
        calendar_id: row.read("calendar_id")?,
        external_id: row.read("external_id")?,
        status: row.read("status")?,
        summary: row.read("summary")?,
        starts_at: row.read("starts_at")?,
        ends_at: row.read("ends_at")?,
        start_date: row.read("start_date")?,
        end_date: row.read("end_date")?,
        deleted_at: row.read("deleted_at")?,
        version_at: row.read("version_at")?,
        begins_at: row.read("begins_at")?,
    })
}
