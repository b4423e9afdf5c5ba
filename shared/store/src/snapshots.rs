//! Several readings of one snapshot, each with a time of its own.
//!
//! A transaction of the driver cannot outlive a statement that is given up: RDS Proxy passes no
//! request to end one on. So the connection goes with it, and the next reading begins another
//! snapshot on another connection.

use std::time::Duration;

use tokio::time::timeout;
use tokio_postgres::Client;

use crate::{Connection, Database, StoreError};

/// Readings of one database. They see one snapshot as long as none of them fails or is given up.
#[derive(Debug)]
pub struct Snapshots<'a> {
    database: &'a Database,
    /// In a transaction that only reads.
    connection: Option<Connection>,
    /// Whether a connection may be in a transaction.
    is_begun: bool,
    /// How many snapshots were begun.
    count: u32,
}

const BEGIN: &str = "start transaction isolation level repeatable read, read only";

impl<'a> Snapshots<'a> {
    /// Begins no transaction yet.
    #[must_use]
    pub fn of(database: &'a Database) -> Self {
        Self { database, connection: None, is_begun: false, count: 0 }
    }

    /// Returns how many snapshots the readings so far have seen.
    #[must_use]
    pub const fn count(&self) -> u32 {
        self.count
    }

    /// Reads, no longer than `patience`.
    ///
    /// # Errors
    /// Returns [`StoreError::Silent`] if the time is over, and the error of `read` if it fails.
    pub async fn read<T>(
        &mut self,
        patience: Duration,
        read: impl AsyncFnOnce(&Client) -> Result<T, StoreError>,
    ) -> Result<T, StoreError> {
        let held = self.connection.take();
        self.count += u32::from(held.is_none());
        self.is_begun = true;
        let database = self.database;
        let work = async move {
            let connection = match held {
                Some(connection) => connection,
                None => begin(database).await?,
            };
            let value = read(&connection).await?;
            Ok((connection, value))
        };
        let outcome = match timeout(patience, Box::pin(work)).await {
            Ok(outcome) => outcome,
            Err(_) => Err(StoreError::Silent(patience)),
        };
        match outcome {
            Ok((connection, value)) => {
                self.connection = Some(connection);
                Ok(value)
            }
            Err(error) => {
                // It is back in the pool, in its transaction, and its statement may be under way.
                self.database.end_idle().await;
                self.is_begun = false;
                Err(error)
            }
        }
    }

    /// Ends the transaction, and returns the connection to its pool.
    pub async fn end(mut self) {
        if let Some(connection) = self.connection.take()
            && connection.simple_query("commit").await.is_ok()
        {
            self.is_begun = false;
        }
    }
}

impl Drop for Snapshots<'_> {
    /// A connection in a transaction must not be handed out again.
    fn drop(&mut self) {
        if self.is_begun {
            drop(self.connection.take());
            self.database.close_idle();
        }
    }
}

/// A connection that has begun a snapshot. One that broke before is replaced once (trap 44).
async fn begin(database: &Database) -> Result<Connection, StoreError> {
    let connection = database.connection().await?;
    if connection.simple_query(BEGIN).await.is_ok() {
        return Ok(connection);
    }
    drop(connection);
    let again = database.connection().await?;
    let begun = again.simple_query(BEGIN).await;
    begun.map(|_| again).map_err(|error| StoreError::new("transaction.snapshot", error))
}
