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
    fn parameters<'f>(events: &'f [&'f Fact<'f, Self>], batch: &Batch<'f>) -> Parameters<'f, Self> {
        columns(events, |fact| &fact.value)
            .value(FAR_FUTURE.as_secs_f64(), Type::FLOAT8)
            .value(FAR_PAST.as_secs_f64(), Type::FLOAT8)
            .range(batch.rows)
    }
}

/// Adds the columns of facts that are events, or hold one.
pub(super) fn columns<'f, T>(
    facts: &'f [&'f Fact<'f, T>],
    event: impl Fn(&'f Fact<'f, T>) -> &'f Event<'f> + Copy,
) -> Parameters<'f, T> {
    Parameters::of(facts)
        .column("outbox_id", |fact| fact.row.id.0)
        .column("event_id", |fact| fact.row.external_id)
        .column("user_id", move |fact| event(fact).user_id.as_deref())
        .column("session_id", move |fact| event(fact).session_id.as_deref())
        .column("type", move |fact| event(fact).r#type.as_str())
        .column("payload", move |fact| event(fact).payload)
        .column("metadata", move |fact| event(fact).metadata)
        .column("occurred_at", move |fact| event(fact).occurred_at)
}
