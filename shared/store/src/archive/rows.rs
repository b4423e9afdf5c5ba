//! The rows of a file, as a stream: no more of them are in memory than a few pages of the network.

use std::future::poll_fn;
use std::pin::Pin;

use futures_util::Stream as _;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio_postgres::{GenericClient, RowStream};

use super::batches::Batch;
use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    analytics.events: Events<'a> {
        from_tx: i64, to_tx: i64, from_at: Timestamp, to_at: Timestamp,
        first_id: &'a str, last_id: &'a str,
    }
    analytics.outbox: Outbox<'a> {
        from_tx: i64, to_tx: i64, from_at: Timestamp, to_at: Timestamp,
        first_id: &'a str, last_id: &'a str,
    }
    analytics.payments: Payments<'a> {
        from_tx: i64, to_tx: i64, from_at: Timestamp, to_at: Timestamp,
        first_id: &'a str, last_id: &'a str,
    }
    analytics.leads: Leads<'a> {
        from_tx: i64, to_tx: i64, from_at: Timestamp, to_at: Timestamp,
        first_id: &'a str, last_id: &'a str,
    }
    analytics.contacts: Contacts<'a> {
        from_tx: i64, to_tx: i64, from_at: Timestamp, to_at: Timestamp,
        first_id: &'a str, last_id: &'a str,
    }
    analytics.calendar_events: CalendarEvents<'a> {
        from_tx: i64, to_tx: i64, from_at: Timestamp, to_at: Timestamp,
        first_id: &'a str, last_id: &'a str,
    }
    analytics.transactions: Transactions<'a> {
        from_tx: i64, to_tx: i64, from_at: Timestamp, to_at: Timestamp,
        first_id: &'a str, last_id: &'a str,
    }
    analytics.dead_letters: DeadLetters<'a> {
        from_tx: i64, to_tx: i64, from_at: Timestamp, to_at: Timestamp,
        first_id: &'a str, last_id: &'a str,
    }
}

/// Rows as Postgres sends them. Nothing else can be done on the connection meanwhile.
pub struct Rows {
    stream: Pin<Box<RowStream>>,
    statement: &'static str,
}

impl Rows {
    /// Returns the next row; `None` after the last.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the statement fails, or the connection breaks.
    pub async fn next(&mut self) -> Result<Option<Row>, StoreError> {
        match poll_fn(|cx| self.stream.as_mut().poll_next(cx)).await {
            Some(Ok(row)) => Ok(Some(Row::new(self.statement, row))),
            Some(Err(error)) => Err(StoreError::new(self.statement, error)),
            None => Ok(None),
        }
    }
}

async fn stream<S: Statement>(on: &impl GenericClient, what: S) -> Result<Rows, StoreError> {
    let (statement, text) = (S::SQL.name, S::SQL.text);
    match on.query_typed_raw(text, what.params()).await {
        Ok(stream) => Ok(Rows { stream: Box::pin(stream), statement }),
        Err(error) => Err(StoreError::new(statement, error)),
    }
}

/// Reads the rows of a file, in the order of their keys.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails, or if no such table is copied.
pub async fn read(on: &impl GenericClient, batch: &Batch) -> Result<Rows, StoreError> {
    let outside = || StoreError::Unreadable { column: "archive_batches.day" };
    let midnight =
        |day: jiff::civil::Date| day.to_zoned(TimeZone::UTC).map(|zoned| zoned.timestamp());
    let from_at = midnight(batch.day).map_err(|_| outside())?;
    let next = batch.day.tomorrow().map_err(|_| outside())?;
    let to_at = midnight(next).map_err(|_| outside())?;
    let (from_tx, to_tx) = (batch.from_tx, batch.to_tx);
    let (Some(first_id), Some(last_id)) = (batch.first_id.as_deref(), batch.last_id.as_deref())
    else {
        return Err(StoreError::Unreadable { column: "archive_batches.first_id" });
    };
    macro_rules! read {
        ($table:ident) => {
            stream(on, $table { from_tx, to_tx, from_at, to_at, first_id, last_id }).await
        };
    }
    match batch.table.as_str() {
        "events" => read!(Events),
        "outbox" => read!(Outbox),
        "payments" => read!(Payments),
        "leads" => read!(Leads),
        "contacts" => read!(Contacts),
        "calendar_events" => read!(CalendarEvents),
        "transactions" => read!(Transactions),
        "dead_letters" => read!(DeadLetters),
        _ => Err(StoreError::Unreadable { column: "archive_batches.table_name" }),
    }
}
