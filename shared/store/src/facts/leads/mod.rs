//! The `leads` table: every lead with its body, and the columns that are read out of it.

use penstock_domain::facts::Fact;
use penstock_domain::intake::{Lead, LeadColumns};
use postgres_types::Type;

use super::parameters::Parameters;
use super::table::{Batch, Table};

impl Table for Lead {
    const NAME: &'static str = "leads.insert";
    const TEXT: &'static str = include_str!("insert.sql");

    fn parameters<'f>(leads: &'f [&'f Fact<'f, Self>], batch: &Batch<'f>) -> Parameters<'f, Self> {
        let own = Parameters::of(leads)
            .column("id", |l| l.value.id)
            .column("outbox_id", |l| l.row.id.0)
            .column("state", |l| l.value.state.as_str())
            .column("conflicts_with", |l| l.value.conflicts_with);
        let read = READ.iter().fold(own, |all, (name, column)| {
            all.column(name, |l| column(&l.value.columns).as_deref())
        });
        read.range(batch.rows).value(batch.now, Type::TIMESTAMPTZ)
    }
}

/// A column, and its value among those that are read out of a body.
type Column = (&'static str, fn(&LeadColumns) -> &Option<String>);

/// The columns that are read out of a body, in the order of the statement.
const READ: [Column; 16] = [
    ("email", |read| &read.contact.email),
    ("phone", |read| &read.contact.phone),
    ("name", |read| &read.contact.name),
    ("company", |read| &read.contact.company),
    ("first_name", |read| &read.contact.first_name),
    ("last_name", |read| &read.contact.last_name),
    ("country", |read| &read.details.country),
    ("language", |read| &read.details.language),
    ("ip", |read| &read.details.ip),
    ("domain", |read| &read.details.domain),
    ("offer", |read| &read.details.offer),
    ("source_type", |read| &read.details.source_type),
    ("marker", |read| &read.details.marker),
    ("creative", |read| &read.details.creative),
    ("click_id", |read| &read.details.click_id),
    ("description", |read| &read.details.description),
];
