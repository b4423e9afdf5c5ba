//! The `payments` table: one row a money object, in its newest version.

use penstock_domain::facts::Fact;
use penstock_domain::payment::Payment;
use postgres_types::Type;
use uuid::Uuid;

use super::parameters::Parameters;
use super::table::{Batch, Table};

impl Table for Payment {
    const NAME: &'static str = "payments.upsert";
    const TEXT: &'static str = include_str!("upsert.sql");

    fn parameters<'f>(
        payments: &'f [&'f Fact<'f, Self>],
        batch: &Batch<'f>,
    ) -> Parameters<'f, Self> {
        let rows: Vec<Uuid> = batch.rows.iter().map(|id| id.0).collect();
        Parameters::of(payments)
            .column("source", |p| p.row.source)
            .column("kind", |p| p.value.kind.as_str())
            .column("external_id", |p| p.value.external_id.as_str())
            .column("amount", |p| p.value.amount)
            .column("currency", |p| p.value.currency.as_str())
            .column("status", |p| p.value.status.as_str())
            .column("raw_status", |p| p.value.raw_status.as_str())
            .column("occurred_at", |p| p.value.occurred_at)
            .column("account", |p| p.value.account.as_deref())
            .version()
            .value(batch.now, Type::TIMESTAMPTZ)
            .value(rows, Type::UUID_ARRAY)
            .value(batch.find_ties, Type::BOOL)
            .range(batch.rows)
    }
}
