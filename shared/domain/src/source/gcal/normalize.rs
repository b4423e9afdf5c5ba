//! Reads a row as one entry of the calendar.

use std::borrow::Cow;

use jiff::Timestamp;
use jiff::civil::{Date, DateTime};
use jiff::tz::TimeZone;
use serde::Deserialize;
use serde_json::value::RawValue;

use super::ENTITY;
use super::item::{self, LONGEST_ID};
use crate::calendar_event::{CalendarEvent, When};
use crate::disposition::{Reason, ReasonKind};
use crate::facts::Facts;
use crate::record::{RowView, is_vanished};
use crate::source::Normalize;
use crate::text::printable;
use crate::version::{Stamp, Version};

#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    status: Option<Cow<'a, str>>,
    #[serde(borrow)]
    summary: Option<Cow<'a, str>>,
    #[serde(borrow)]
    start: Option<Edge<'a>>,
    #[serde(borrow)]
    end: Option<Edge<'a>>,
    #[serde(borrow)]
    recurring_event_id: Option<Cow<'a, str>>,
}

/// `EventDateTime`: a day, or a time with its offset, or a local time and the zone it is in.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Edge<'a> {
    #[serde(borrow)]
    date: Option<Cow<'a, str>>,
    #[serde(borrow)]
    date_time: Option<Cow<'a, str>>,
    #[serde(borrow)]
    time_zone: Option<Cow<'a, str>>,
}

enum Point {
    Day(Date),
    Instant(Timestamp),
}

/// Reads rows as entries of the calendar that the deployment pulls.
pub(super) struct Normalizer {
    /// The calendar's id; `None` if the deployment names none.
    pub calendar_id: Option<String>,
}

impl Normalize for Normalizer {
    fn normalize<'a>(&self, row: RowView<'a>) -> Result<Facts<'a>, Reason> {
        if row.entity != ENTITY {
            return Err(Reason::new(ReasonKind::Invalid, "a calendar holds nothing but events"));
        }
        let calendar_id = self.calendar_id.as_deref().ok_or_else(|| {
            Reason::new(
                ReasonKind::Invalid,
                "GCAL_CALENDAR_ID does not say which calendar this is of",
            )
        })?;
        let event = match is_vanished(row.payload) {
            true => CalendarEvent::vanished(calendar_id, row),
            false => entry(row, calendar_id)?,
        };
        Ok(Facts { calendar_events: row.facts([event]), ..Facts::default() })
    }

    fn unreadable<'a>(&self, row: RowView<'a>, _why: ReasonKind) -> Facts<'a> {
        let calendar_id = self.calendar_id.as_deref().filter(|_| row.entity == ENTITY);
        let known = calendar_id.filter(|_| item::is_id(row.external_id));
        let events = known.map(|calendar_id| CalendarEvent::unreadable(calendar_id, row));
        Facts { calendar_events: row.facts(events), ..Facts::default() }
    }
}

/// The entry in a row, of the calendar `calendar_id`.
fn entry(row: RowView<'_>, calendar_id: &str) -> Result<CalendarEvent, Reason> {
    let malformed = |e: serde_json::Error| Reason::malformed::<Event<'_>>(row.payload, &e);
    let raw: &RawValue = serde_json::from_slice(row.payload).map_err(malformed)?;
    let event: Event<'_> = serde_json::from_str(raw.get()).map_err(malformed)?;
    if !item::sound(&event.id) {
        let why = format!("an id of {} bytes cannot be kept", event.id.len());
        return Err(Reason::new(ReasonKind::Invalid, why).at("/id"));
    }
    let status = printable(event.status.as_deref().unwrap_or("confirmed"));
    let cancelled = status == "cancelled";
    let series = event.recurring_event_id.as_deref().map(printable);
    for (what, text) in [("status", Some(&status)), ("recurringEventId", series.as_ref())] {
        if text.is_some_and(|text| text.chars().count() > LONGEST_ID) {
            let why = format!("{what} is longer than {LONGEST_ID} characters");
            return Err(invalid(&event.id, &why).at(format!("/{what}")));
        }
    }
    let when = match when(&event) {
        Ok(when) => when,
        // Google promises no more than an id here, and a deletion must not be lost over a time.
        Err(_) if cancelled => When::Unknown,
        Err((field, why)) => return Err(invalid(&event.id, &why).at(field)),
    };
    Ok(CalendarEvent {
        calendar_id: calendar_id.to_owned(),
        external_id: event.id.into_owned(),
        status,
        summary: event.summary.as_deref().map(printable),
        when,
        recurring_event_id: series,
        deleted_at: cancelled.then_some(row.version_at),
        // A tombstone that carries no stamp counts as native, too: it always moves the version on.
        // Else the same tombstone, seen again after a restored version that comes late, would lose
        // against that one.
        version: Version::of_part(row, raw.get(), Stamp::Native),
    })
}

/// The times of an entry, or the field that is wrong and why.
fn when(event: &Event<'_>) -> Result<When, (&'static str, String)> {
    let start = event.start.as_ref().ok_or(("/start", "it has no start".to_owned()))?;
    let start = point(start).map_err(|why| ("/start", format!("start: {why}")))?;
    let end = match &event.end {
        Some(end) => point(end).map_err(|why| ("/end", format!("end: {why}")))?,
        // An end that is not specified.
        None => match start {
            Point::Day(day) => Point::Day(day.tomorrow().map_err(|e| ("/start", e.to_string()))?),
            Point::Instant(at) => Point::Instant(at),
        },
    };
    match (start, end) {
        (Point::Day(start), Point::Day(end)) if start <= end => Ok(When::AllDay { start, end }),
        (Point::Instant(start), Point::Instant(end)) if start <= end => {
            Ok(When::Timed { start, end })
        }
        (Point::Day(_), Point::Day(_)) | (Point::Instant(_), Point::Instant(_)) => {
            Err(("/end", "it ends before it starts".to_owned()))
        }
        _ => Err(("/end", "one of start and end is a day, the other a time".to_owned())),
    }
}

fn point(edge: &Edge<'_>) -> Result<Point, String> {
    match edge {
        Edge { date_time: Some(text), time_zone, .. } => {
            instant(text, time_zone.as_deref()).map(Point::Instant)
        }
        Edge { date: Some(text), .. } => {
            text.parse().map(Point::Day).map_err(|_| "no date can be read".to_owned())
        }
        _ => Err("it has neither date nor dateTime".to_owned()),
    }
}

/// A time with an offset says all; one without needs its zone. `timeZone` beside an offset is only
/// for display.
fn instant(text: &str, zone: Option<&str>) -> Result<Timestamp, String> {
    if let Ok(at) = text.parse() {
        return Ok(at);
    }
    let local: DateTime = text.parse().map_err(|_| "no dateTime can be read".to_owned())?;
    let zone = zone.ok_or("the dateTime has neither offset nor timeZone")?;
    let zone = TimeZone::get(zone).map_err(|_| "the timeZone is not known".to_owned())?;
    zone.to_timestamp(local).map_err(|e| e.to_string())
}

fn invalid(id: &str, why: &str) -> Reason {
    Reason::new(ReasonKind::Invalid, format!("event {}: {why}", printable(id)))
}
