//! The `calendar_events` table: one row an entry of a calendar, in its newest version.

use penstock_domain::calendar_event::CalendarEvent;
use penstock_domain::facts::Fact;
use postgres_types::Type;

use super::parameters::Parameters;
use super::table::{Batch, Table};

impl Table for CalendarEvent {
    const NAME: &'static str = "calendar_events.upsert";
    const TEXT: &'static str = include_str!("upsert.sql");

    fn parameters<'f>(
        entries: &'f [&'f Fact<'f, Self>],
        batch: &Batch<'f>,
    ) -> Parameters<'f, Self> {
        Parameters::of(entries)
            .column("source", |e| e.row.source)
            .column("calendar_id", |e| e.value.calendar_id.as_str())
            .column("external_id", |e| e.value.external_id.as_str())
            .column("status", |e| e.value.status.as_str())
            .column("summary", |e| e.value.summary.as_deref())
            .column("starts_at", |e| e.value.when.instants().map(|(start, _)| start))
            .column("ends_at", |e| e.value.when.instants().map(|(_, end)| end))
            .column("start_date", |e| e.value.when.days().map(|(start, _)| start))
            .column("end_date", |e| e.value.when.days().map(|(_, end)| end))
            .column("recurring_event_id", |e| e.value.recurring_event_id.as_deref())
            .column("deleted_at", |e| e.value.deleted_at)
            .version()
            .value(batch.now, Type::TIMESTAMPTZ)
            .range(batch.rows)
    }
}
