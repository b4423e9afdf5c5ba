//! The `leads` table: every lead with its body. Leads are never deleted.

use penstock_domain::facts::Fact;
use penstock_domain::intake::Lead;

use super::parameters::Parameters;
use super::table::{Batch, Table};

impl Table for Lead {
    const NAME: &'static str = "leads.insert";
    const TEXT: &'static str = include_str!("insert.sql");

    fn parameters<'f>(leads: &'f [&'f Fact<'f, Self>], batch: &Batch<'f>) -> Parameters<'f, Self> {
        Parameters::of(leads)
            .column("id", |l| l.value.id)
            .column("outbox_id", |l| l.row.id.0)
            .column("state", |l| l.value.state.as_str())
            .column("conflicts_with", |l| l.value.conflicts_with)
            .column("email", |l| l.value.contact.email.as_deref())
            .column("phone", |l| l.value.contact.phone.as_deref())
            .column("name", |l| l.value.contact.name.as_deref())
            .column("company", |l| l.value.contact.company.as_deref())
            .range(batch.rows)
    }
}
