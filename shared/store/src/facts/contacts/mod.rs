//! The `contacts` table: one row a person in a CRM, in its newest version.

use penstock_domain::contact::Contact;
use penstock_domain::facts::Fact;
use postgres_types::Type;

use super::parameters::Parameters;
use super::table::{Batch, Table};

impl Table for Contact {
    const NAME: &'static str = "contacts.upsert";
    const TEXT: &'static str = include_str!("upsert.sql");

    fn parameters<'f>(
        contacts: &'f [&'f Fact<'f, Self>],
        batch: &Batch<'f>,
    ) -> Parameters<'f, Self> {
        Parameters::of(contacts)
            .column("source", |c| c.row.source)
            .column("external_id", |c| c.value.external_id.as_str())
            .column("email", |c| c.value.email.as_deref())
            .column("phone", |c| c.value.phone.as_deref())
            .column("first_name", |c| c.value.first_name.as_deref())
            .column("last_name", |c| c.value.last_name.as_deref())
            .column("merged_into", |c| c.value.merged_into.as_deref())
            .column("deleted_at", |c| c.value.deleted_at)
            .column("unreadable", |c| c.value.is_unreadable)
            .version()
            .value(batch.now, Type::TIMESTAMPTZ)
            .range(batch.rows)
    }
}
