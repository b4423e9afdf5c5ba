//! The database server itself: what it says of its own load.

use tokio_postgres::GenericClient;

use crate::StoreError;
use crate::sql::{Statement, statements};

statements! {
    server.connections: Connections {}
}

/// Returns the number of connections to the database, of all who use it. Behind RDS Proxy these
/// are the proxy's.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn connections(on: &impl GenericClient) -> Result<i64, StoreError> {
    Connections {}.one(on).await?.read("connections")
}
