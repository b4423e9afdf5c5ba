//! Writes the facts of a batch, each kind into its own table.
//!
//! A kind is a folder here, with its statement and its columns, a field of
//! [`penstock_domain::facts::Facts`], and a line in each function below.

use std::future::Future;

use penstock_domain::erasure::ErasedNames;
use penstock_domain::facts::{Facts, Kept, Tie};
use penstock_domain::record::RowView;
use tokio_postgres::Transaction;

use crate::{Sql, StoreError};

mod calendar_events;
mod conflicting_events;
mod contacts;
mod events;
mod leads;
mod parameters;
mod payments;
mod table;
pub mod unseen;

pub use parameters::Parameters;
pub use table::{Batch, Table, insert, upsert};

/// Facts that are written in one transaction.
///
/// [`Facts`] are Penstock's own kinds. A program that keeps further kinds composes them with these.
pub trait FactSet: Default + Send + Sync {
    /// Moves all facts of `other` to the end of these.
    fn append(&mut self, other: Self);

    /// The statuses that no map knows, for the run's report.
    fn unmapped(&self) -> Vec<String>;

    /// Takes out what is about people who were erased, of the facts of one row. Kinds that know
    /// nothing of people keep their facts, and no payload that names one.
    fn forget(&mut self, _row: RowView<'_>, is_named: bool, _names: &ErasedNames) -> Kept {
        if is_named { Kept::Facts } else { Kept::All }
    }

    /// Writes all facts: one statement a kind, for any number of facts, and none for a kind without
    /// facts. Returns the objects to read again, each once, where [`Batch::find_ties`] asks for
    /// them.
    ///
    /// # Errors
    /// [`StoreError::disposition`] is `Dead` where Postgres refuses a value: work the batch in
    /// halves. Otherwise the same may succeed later.
    fn write(
        &self,
        tx: &Transaction<'_>,
        batch: &Batch<'_>,
    ) -> impl Future<Output = Result<Vec<Tie>, StoreError>> + Send;
}

impl FactSet for Facts<'_> {
    fn append(&mut self, other: Self) {
        Facts::append(self, other);
    }

    fn unmapped(&self) -> Vec<String> {
        Facts::unmapped(self).collect()
    }

    fn forget(&mut self, row: RowView<'_>, is_named: bool, names: &ErasedNames) -> Kept {
        Facts::forget(self, row, is_named, names)
    }

    async fn write(&self, tx: &Transaction<'_>, batch: &Batch<'_>) -> Result<Vec<Tie>, StoreError> {
        // Without `..`: a kind that is not written does not compile.
        let Self { payments, contacts, calendar_events, leads, events, conflicting_events } = self;
        let mut ties = upsert(tx, payments, batch).await?;
        ties.extend(upsert(tx, contacts, batch).await?);
        ties.extend(upsert(tx, calendar_events, batch).await?);
        insert(tx, leads, batch).await?;
        insert(tx, events, batch).await?;
        insert(tx, conflicting_events, batch).await?;
        ties.sort_unstable();
        ties.dedup();
        Ok(ties)
    }
}

/// The statement of every kind with the names of its columns, for tests.
pub(crate) fn statements() -> Vec<(&'static Sql, Vec<&'static str>)> {
    let Facts { payments, contacts, calendar_events, leads, events, conflicting_events } =
        Facts::default();
    vec![
        table::statement(&payments),
        table::statement(&contacts),
        table::statement(&calendar_events),
        table::statement(&leads),
        table::statement(&events),
        table::statement(&conflicting_events),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The names between the parentheses of `as i (source, kind, …)`.
    fn names_in(statement: &str) -> Vec<&str> {
        let (_, names) = statement.split_once(" as i (").expect("unnest(…) as i (…)");
        let (names, _) = names.split_once(')').expect("a closing parenthesis");
        names.split(',').map(str::trim).collect()
    }

    #[test]
    fn each_column_has_the_name_that_the_statement_gives_to_it() {
        for (sql, columns) in statements() {
            assert_eq!(columns, names_in(sql.text), "{}", sql.name);
        }
    }
}
