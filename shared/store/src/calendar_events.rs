//! The `calendar_events` table: one row an entry of a calendar, in the version that stands.

use jiff::Timestamp;
use jiff::civil::Date;
use penstock_domain::calendar_event::{CalendarEvent, When};
use penstock_domain::ids::OutboxId;
use penstock_domain::payment::Stamp;
use postgres_types::Type;
use tokio_postgres::Transaction;
use uuid::Uuid;

use crate::payments::position;
use crate::{Sql, StoreError};

static UPSERT: Sql = Sql {
    name: "calendar_events.upsert",
    text: include_str!("../sql/calendar_events/upsert.sql"),
    types: &[
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::DATE_ARRAY,
        Type::DATE_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::BOOL_ARRAY,
        Type::INT2_ARRAY,
        Type::INT8_ARRAY,
        Type::UUID_ARRAY,
        Type::INT4_ARRAY,
        Type::INT4_ARRAY,
        Type::TIMESTAMPTZ,
    ],
};

pub(crate) static STATEMENTS: &[&Sql] = &[&UPSERT];

/// One version of one entry, and the row that brought it.
#[derive(Debug, Clone, Copy)]
pub struct Version<'a> {
    /// The vendor.
    pub source: &'a str,
    /// The entry.
    pub event: &'a CalendarEvent,
    /// The row of the outbox.
    pub row: OutboxId,
}

impl Version<'_> {
    fn times(&self) -> (Option<Timestamp>, Option<Timestamp>) {
        match self.event.when {
            When::Timed { start, end } => (Some(start), Some(end)),
            When::AllDay { .. } | When::Unknown => (None, None),
        }
    }

    fn dates(&self) -> (Option<Date>, Option<Date>) {
        match self.event.when {
            When::AllDay { start, end } => (Some(start), Some(end)),
            When::Timed { .. } | When::Unknown => (None, None),
        }
    }
}

/// Upserts at most one version a key, gated on version; one statement whatever their number and sources.
///
/// # Errors
/// Dead by [`StoreError::disposition`] where a value is refused: bisect. Anything else may succeed later.
pub async fn upsert(
    tx: &Transaction<'_>,
    versions: &[Version<'_>],
    now: Timestamp,
) -> Result<(), StoreError> {
    if versions.is_empty() {
        return Ok(());
    }
    let words =
        |f: fn(&CalendarEvent) -> &str| versions.iter().map(|v| f(v.event)).collect::<Vec<_>>();
    let texts = |f: fn(&CalendarEvent) -> &Option<String>| {
        versions.iter().map(|v| f(v.event).as_deref()).collect::<Vec<_>>()
    };
    let sources: Vec<&str> = versions.iter().map(|v| v.source).collect();
    let (starts, ends): (Vec<_>, Vec<_>) = versions.iter().map(Version::times).unzip();
    let (first_days, last_days): (Vec<_>, Vec<_>) = versions.iter().map(Version::dates).unzip();
    let deleted: Vec<Option<Timestamp>> = versions.iter().map(|v| v.event.deleted_at).collect();
    let stamps: Vec<Timestamp> = versions.iter().map(|v| v.event.version_at).collect();
    let native: Vec<bool> = versions.iter().map(|v| v.event.stamp == Stamp::Native).collect();
    let ranks: Vec<i16> = versions.iter().map(|v| v.event.rank()).collect();
    let hashes: Vec<i64> = versions.iter().map(|v| v.event.content_hash).collect();
    let rows: Vec<Uuid> = versions.iter().map(|v| v.row.0).collect();
    // `substring` counts from 1.
    let from: Vec<i32> = versions.iter().map(|v| position(v.event.raw.start) + 1).collect();
    let length: Vec<i32> = versions.iter().map(|v| position(v.event.raw.len())).collect();
    UPSERT
        .execute(
            tx,
            &[
                &sources,
                &words(|e| &e.calendar_id),
                &words(|e| &e.external_id),
                &words(|e| &e.status),
                &texts(|e| &e.summary),
                &starts,
                &ends,
                &first_days,
                &last_days,
                &texts(|e| &e.recurring_event_id),
                &deleted,
                &stamps,
                &native,
                &ranks,
                &hashes,
                &rows,
                &from,
                &length,
                &now,
            ],
        )
        .await
        .map(drop)
}
