//! The part that all kinds of facts share: one statement writes many facts.

use jiff::Timestamp;
use penstock_domain::facts::{Fact, Newest, Tie, newest};
use penstock_domain::ids::OutboxId;
use penstock_domain::version::Versioned;
use tokio_postgres::Transaction;

use super::parameters::Parameters;
use crate::{Row, Sql, StoreError};

/// The batch of outbox rows that facts come from.
#[derive(Debug, Clone, Copy)]
pub struct Batch<'b> {
    /// All its rows, also those without facts.
    pub rows: &'b [OutboxId],
    /// Whether to look for versions that share a time-stamp and contradict each other.
    pub find_ties: bool,
    /// When the batch is written.
    pub now: Timestamp,
}

/// A kind of fact, and the table that holds it.
pub trait Table: Sized + Sync {
    /// The statement's name in logs and errors: `<table>.<verb>`.
    const NAME: &'static str;

    /// The statement. It joins the outbox by the facts' rows, so the columns of a row need not be
    /// sent again. It writes in the order of the key, so that two writers lock shared rows in one
    /// order. It may return ties, as rows of `source`, `entity` and `external_id`.
    const TEXT: &'static str;

    /// The values of `$1`, `$2`, …: first the columns, one array each, then the single values.
    fn parameters<'f>(facts: &'f [&'f Fact<'f, Self>], batch: &Batch<'f>) -> Parameters<'f, Self>;
}

/// Writes facts of which the first of a key is kept.
///
/// # Errors
/// As [`super::FactSet::write`].
pub async fn insert<T: Table>(
    tx: &Transaction<'_>,
    facts: &[Fact<'_, T>],
    batch: &Batch<'_>,
) -> Result<(), StoreError> {
    send(tx, &facts.iter().collect::<Vec<_>>(), batch).await.map(drop)
}

/// Writes the newest version of each object, unless the table has a newer one. Returns the ties
/// within the batch and, if the statement looks for them, with rows that came before.
///
/// # Errors
/// As [`super::FactSet::write`].
pub async fn upsert<T: Table + Versioned>(
    tx: &Transaction<'_>,
    facts: &[Fact<'_, T>],
    batch: &Batch<'_>,
) -> Result<Vec<Tie>, StoreError> {
    let Newest { facts, mut ties } = newest(facts);
    let rows = send(tx, &facts, batch).await?;
    if !batch.find_ties {
        return Ok(Vec::new());
    }
    for row in &rows {
        ties.push(Tie {
            source: row.read("source")?,
            entity: row.read("entity")?,
            external_id: row.read("external_id")?,
        });
    }
    Ok(ties)
}

async fn send<'f, T: Table>(
    tx: &Transaction<'_>,
    facts: &'f [&'f Fact<'f, T>],
    batch: &Batch<'f>,
) -> Result<Vec<Row>, StoreError> {
    if facts.is_empty() {
        return Ok(Vec::new());
    }
    let parameters = T::parameters(facts, batch);
    let rows = tx.query_typed(T::TEXT, &parameters.typed()).await;
    let rows = rows.map_err(|e| StoreError::new(T::NAME, e))?;
    Ok(rows.into_iter().map(|row| Row::new(T::NAME, row)).collect())
}

/// The statement of a kind, with the types and names of its parameters. Leaks them: for tests.
pub(super) fn statement<T: Table>(_kind: &[Fact<'_, T>]) -> (&'static Sql, Vec<&'static str>) {
    let batch = Batch { rows: &[], find_ties: false, now: Timestamp::UNIX_EPOCH };
    let parameters = T::parameters(&[], &batch);
    let columns = parameters.columns().to_vec();
    let types = parameters.types().leak();
    (Box::leak(Box::new(Sql { name: T::NAME, text: T::TEXT, types })), columns)
}
