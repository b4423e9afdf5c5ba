//! The `events` table: product events, one row an id.

use penstock_domain::facts::Fact;
use penstock_domain::intake::{Event, FAR_FUTURE, FAR_PAST};
use postgres_types::Type;

use super::parameters::Parameters;
use super::table::{Batch, Table};

impl Table for Event<'_> {
    const NAME: &'static str = "events.insert";
    const TEXT: &'static str = include_str!("insert.sql");

    /// The statement flags an event whose time is further from its receipt than [`FAR_FUTURE`] or
    /// [`FAR_PAST`].
    fn parameters<'f>(
        events: &'f [&'f Fact<'f, Self>],
        _batch: &Batch<'f>,
    ) -> Parameters<'f, Self> {
        Parameters::of(events)
            .column("outbox_id", |e| e.row.id.0)
            .column("event_id", |e| e.row.external_id)
            .column("user_id", |e| e.value.user_id.as_deref())
            .column("session_id", |e| e.value.session_id.as_deref())
            .column("type", |e| e.value.r#type.as_str())
            .column("payload", |e| e.value.payload)
            .column("metadata", |e| e.value.metadata)
            .column("occurred_at", |e| e.value.occurred_at)
            .value(FAR_FUTURE.as_secs_f64(), Type::FLOAT8)
            .value(FAR_PAST.as_secs_f64(), Type::FLOAT8)
    }
}
