//! A statement's parameters, taken from facts column by column.

use penstock_domain::facts::Fact;
use penstock_domain::ids::OutboxId;
use penstock_domain::version::{Stamp, Versioned};
use postgres_types::{ToSql, Type};

use crate::outbox::ends;
use crate::sql::{Element, Param};

/// The values of `$1`, `$2`, … in order.
pub struct Parameters<'f, T> {
    facts: &'f [&'f Fact<'f, T>],
    columns: Vec<&'static str>,
    values: Vec<(Box<dyn ToSql + Sync + Send + 'f>, Type)>,
}

impl<'f, T> Parameters<'f, T> {
    /// Creates an empty list of parameters for `facts`.
    pub fn of(facts: &'f [&'f Fact<'f, T>]) -> Self {
        Self { facts, columns: Vec::new(), values: Vec::new() }
    }

    /// Adds an array with one value a fact. A test compares `name` with the name that the statement
    /// gives to this column.
    #[must_use]
    pub fn column<E: Element + ToSql + Sync + Send + 'f>(
        mut self,
        name: &'static str,
        value: impl Fn(&'f Fact<'f, T>) -> E,
    ) -> Self {
        let values: Vec<E> = self.facts.iter().map(|fact| value(fact)).collect();
        self.columns.push(name);
        self.values.push((Box::new(values), E::ARRAY));
        self
    }

    /// Adds a parameter that is there once.
    #[must_use]
    pub fn value(mut self, value: impl ToSql + Sync + Send + 'f, r#type: Type) -> Self {
        self.values.push((Box::new(value), r#type));
        self
    }

    /// Adds the first and the last of the batch's outbox rows. With them a statement tells the
    /// planner in which leaves of the outbox its rows are.
    #[must_use]
    pub fn range(self, rows: &[OutboxId]) -> Self {
        let (first, last) = ends(rows);
        self.value(first, Type::UUID).value(last, Type::UUID)
    }

    pub(super) fn columns(&self) -> &[&'static str] {
        &self.columns
    }

    pub(super) fn typed(&self) -> Vec<(Param<'_>, Type)> {
        self.values.iter().map(|(value, r#type)| (&**value as Param<'_>, r#type.clone())).collect()
    }

    pub(super) fn types(self) -> Vec<Type> {
        self.values.into_iter().map(|(_, r#type)| r#type).collect()
    }
}

impl<T: Versioned> Parameters<'_, T> {
    /// Adds the columns that every versioned kind has: time, stamp, rank and hash, the outbox row,
    /// and where the object is within its payload.
    #[must_use]
    pub fn version(self) -> Self {
        self.column("version_at", |fact| fact.value.version().at)
            .column("native", |fact| fact.value.version().stamp == Stamp::Native)
            .column("version_rank", |fact| fact.value.rank())
            .column("content_hash", |fact| fact.value.version().content_hash)
            .column("outbox_id", |fact| fact.row.id.0)
            // `substring` counts from 1.
            .column("raw_from", |fact| position(fact.value.version().raw.start) + 1)
            .column("raw_length", |fact| position(fact.value.version().raw.len()))
    }
}

/// A place in a payload. A bytea has 1 GiB at most, so it always fits.
fn position(n: usize) -> i32 {
    i32::try_from(n).unwrap_or(i32::MAX)
}
