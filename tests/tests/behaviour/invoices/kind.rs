//! The kind: its type, its table, and how rows are read as it.

use penstock_domain::disposition::{Reason, ReasonKind};
use penstock_domain::facts::{Fact, Facts, Tie};
use penstock_domain::record::RowView;
use penstock_domain::source::Whose;
use penstock_domain::version::{Stamp, Version, Versioned};
use penstock_store::facts::{Batch, FactSet, Parameters, Table, upsert};
use penstock_store::{StoreError, Transaction};
use process::Normalizers;
use process::Reader;
use serde::Deserialize;
use tokio_postgres::types::Type;

/// The made-up vendor whose rows are invoices.
pub const SOURCE: &str = "billing";

/// One version of one invoice.
pub struct Invoice {
    external_id: String,
    customer: Option<String>,
    total: i64,
    state: String,
    version: Version,
}

#[derive(Deserialize)]
struct Payload {
    id: String,
    customer: Option<String>,
    total: i64,
    state: String,
}

impl Invoice {
    fn read(row: RowView<'_>) -> Result<Self, Reason> {
        let payload: Payload = serde_json::from_slice(row.payload)
            .map_err(|e| Reason::new(ReasonKind::Malformed, e.to_string()))?;
        let Payload { id: external_id, customer, total, state } = payload;
        let version = Version::of(row, Stamp::Native);
        Ok(Self { external_id, customer, total, state, version })
    }
}

impl Versioned for Invoice {
    fn version(&self) -> &Version {
        &self.version
    }

    fn key(&self) -> (&str, &str) {
        ("", &self.external_id)
    }

    fn rank(&self) -> i16 {
        i16::from(self.state == "paid")
    }
}

impl Table for Invoice {
    const NAME: &'static str = "invoices.upsert";
    const TEXT: &'static str = include_str!("upsert.sql");

    fn parameters<'f>(
        invoices: &'f [&'f Fact<'f, Self>],
        batch: &Batch<'f>,
    ) -> Parameters<'f, Self> {
        Parameters::of(invoices)
            .column("source", |i| i.row.source)
            .column("external_id", |i| i.value.external_id.as_str())
            .column("customer", |i| i.value.customer.as_deref())
            .column("total", |i| i.value.total)
            .column("state", |i| i.value.state.as_str())
            .version()
            .value(batch.now, Type::TIMESTAMPTZ)
            .range(batch.rows)
    }
}

/// The form that `Facts` would have with one more field.
#[derive(Default)]
pub struct WithInvoices<'a> {
    known: Facts<'a>,
    invoices: Vec<Fact<'a, Invoice>>,
}

impl FactSet for WithInvoices<'_> {
    fn append(&mut self, other: Self) {
        let Self { known, invoices } = other;
        self.known.append(known);
        self.invoices.extend(invoices);
    }

    fn unmapped(&self) -> Vec<String> {
        self.known.unmapped().collect()
    }

    async fn write(&self, tx: &Transaction<'_>, batch: &Batch<'_>) -> Result<Vec<Tie>, StoreError> {
        let Self { known, invoices } = self;
        let mut ties = known.write(tx, batch).await?;
        ties.extend(upsert(tx, invoices, batch).await?);
        Ok(ties)
    }
}

/// Reads the rows of [`SOURCE`] as invoices, and all others as `process` does.
pub struct ReadsInvoices(pub Normalizers);

impl Reader for ReadsInvoices {
    type Facts<'a> = WithInvoices<'a>;

    fn read<'a>(&self, row: RowView<'a>) -> Result<WithInvoices<'a>, Reason> {
        if row.source == SOURCE {
            let invoices = row.facts([Invoice::read(row)?]);
            return Ok(WithInvoices { invoices, ..WithInvoices::default() });
        }
        let known = self.0.read(row)?;
        Ok(WithInvoices { known, ..WithInvoices::default() })
    }

    fn whose(&self, row: RowView<'_>) -> Whose {
        self.0.whose(row)
    }

    /// Invoices have no state for it: those of a product would need one.
    fn unreadable<'a>(&self, row: RowView<'a>, why: ReasonKind) -> WithInvoices<'a> {
        WithInvoices { known: self.0.unreadable(row, why), ..WithInvoices::default() }
    }
}
