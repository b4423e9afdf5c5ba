//! `/console/calendar`: entries of calendars, in the order in which they begin.

use askama::Template;
use jiff::Timestamp;
use penstock_domain::revenue::Zone;
use penstock_edge::http::{Call, Failure, Query, Reply, StatusCode};
use penstock_store::console::calendar::{self, Entry, Place};

use crate::Ports;
use crate::filters::{self, Markup};
use crate::page::{self, Area, Shell};
use crate::panel::{Panels, Part};
use crate::query::{self, Address};
use crate::visitor::Visitor;

/// Entries on a page.
const LIMIT: i64 = 50;

#[derive(Template)]
#[template(path = "reading/calendar.html")]
struct Calendar {
    shell: Shell,
    from: String,
    connection: String,
    list: Part<List>,
}

struct List {
    rows: Vec<Row>,
    next: Option<String>,
}

struct Row {
    starts: Markup,
    ends: Markup,
    summary: Markup,
    status: Markup,
    is_gone: bool,
    source: Markup,
    calendar: Markup,
    id: Markup,
}

/// The entry that a page is behind.
#[derive(Debug, Clone)]
struct After {
    begins_at: Timestamp,
    source: String,
    calendar_id: String,
    external_id: String,
}

/// `GET /console/calendar`: `from` (a date of the reader's zone; today), `connection`, and the
/// entry that the page is behind.
pub(crate) async fn page(ports: &Ports, mut call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    let zone = call.caller.zone.clone();
    let parameters = &mut call.query;
    let day = query::date(parameters, "from").unwrap_or_else(|| zone.date_at(call.now));
    let connection = query::text(parameters, "connection");
    let after = After::take(parameters);
    std::mem::take(parameters).finish_knowing()?;
    // An entry of a whole day begins at midnight in UTC, which may be before midnight of the zone.
    let midnight = day.at(0, 0, 0, 0);
    let from = zone.at(midnight).min(Zone::utc().at(midnight));
    let mut panels = Panels::of(&ports.database);
    let (source, place) = (connection.as_deref(), after.as_ref().map(After::place));
    let read = async |on: &_| calendar::page(on, from, source, place, LIMIT + 1).await;
    let list = panels.read("calendar", read).await;
    panels.end().await;
    let own = Address::of("/console/calendar")
        .with("from", Some(&day.to_string()))
        .with("connection", connection.as_deref());
    let page = Calendar {
        list: list.map(|mut found| {
            let limit = usize::try_from(LIMIT).unwrap_or(usize::MAX);
            let is_last = found.len() <= limit;
            found.truncate(limit);
            let next = found.last().filter(|_| !is_last);
            List {
                next: next.map(|last| After::of(last).add_to(own).to_string()),
                rows: found.iter().map(|entry| Row::of(entry, &zone)).collect(),
            }
        }),
        from: day.to_string(),
        connection: connection.unwrap_or_default(),
        shell: Shell::of(&call, Area::Calendar, "Calendar"),
    };
    page::html(StatusCode::OK, &page)
}

impl After {
    fn take(parameters: &mut Query) -> Option<Self> {
        let time = |text: &str| text.parse().map_err(|_| "must be the time of an entry".to_owned());
        let begins_at = parameters.take_as("afterTime", time);
        let source = query::text(parameters, "afterConnection");
        let calendar_id = query::text(parameters, "afterCalendar");
        let external_id = query::text(parameters, "afterId");
        Some(Self {
            begins_at: begins_at?,
            source: source?,
            calendar_id: calendar_id?,
            external_id: external_id?,
        })
    }

    fn of(entry: &Entry) -> Self {
        Self {
            begins_at: entry.begins_at,
            source: entry.source.clone(),
            calendar_id: entry.calendar_id.clone(),
            external_id: entry.external_id.clone(),
        }
    }

    fn place(&self) -> Place<'_> {
        let Self { begins_at, source, calendar_id, external_id } = self;
        Place { begins_at: *begins_at, source, calendar_id, external_id }
    }

    fn add_to(&self, address: Address) -> Address {
        address
            .with("afterTime", Some(&self.begins_at.to_string()))
            .with("afterConnection", Some(&self.source))
            .with("afterCalendar", Some(&self.calendar_id))
            .with("afterId", Some(&self.external_id))
    }
}

impl Row {
    fn of(entry: &Entry, zone: &Zone) -> Self {
        let date = |day: Option<jiff::civil::Date>| match day {
            Some(day) => filters::text(&format!("{day}, all day")),
            None => filters::maybe(None),
        };
        // The end of an entry of whole days is the day after its last.
        let last = entry.end_date.and_then(|day| day.yesterday().ok());
        let timed = |at: Option<Timestamp>, day| match at {
            Some(at) => filters::time(at, zone),
            None => date(day),
        };
        Self {
            starts: timed(entry.starts_at, entry.start_date),
            ends: timed(entry.ends_at, last),
            summary: filters::maybe(entry.summary.as_deref()),
            status: filters::text(if entry.deleted_at.is_some() {
                "deleted"
            } else {
                &entry.status
            }),
            is_gone: entry.deleted_at.is_some() || entry.status == "cancelled",
            source: filters::text(&entry.source),
            calendar: filters::cut(&entry.calendar_id, filters::SHORT, None),
            id: filters::cut(&entry.external_id, filters::SHORT, None),
        }
    }
}
