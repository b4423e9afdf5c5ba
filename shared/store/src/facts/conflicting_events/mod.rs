//! The `conflicting_events` table: events under an id that their sender had used before, for an
//! event that says something else.

use penstock_domain::facts::Fact;
use penstock_domain::intake::ConflictingEvent;

use super::events::columns;
use super::parameters::Parameters;
use super::table::{Batch, Table};

impl Table for ConflictingEvent<'_> {
    const NAME: &'static str = "conflicting_events.insert";
    const TEXT: &'static str = include_str!("insert.sql");

    fn parameters<'f>(events: &'f [&'f Fact<'f, Self>], batch: &Batch<'f>) -> Parameters<'f, Self> {
        columns(events, |fact| &fact.value.0).range(batch.rows)
    }
}
