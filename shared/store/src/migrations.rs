//! The migrations of the schema. Each is applied once, by one process at a time.

use tokio_postgres::Client;

use crate::{Connection, Database, StoreError};

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// The outcome of one run of the migrations.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Applied {
    /// `V<number>__<name>` of each migration that was applied now; empty if the schema was up to
    /// date.
    pub names: Vec<String>,
}

/// Brings the schema up to date.
///
/// It takes two connections: the first holds the lock row while the second migrates. A second
/// migrator waits for the row, and a migrator that dies releases it.
///
/// # Errors
/// Returns [`StoreError::Migration`] if a migration fails. Those before it stay applied.
pub async fn migrate(database: &Database) -> Result<Applied, StoreError> {
    let mut holder = database.connection().await?;
    let mut worker = database.connection().await?;
    migrate_with(&mut holder, &mut worker).await
}

async fn migrate_with(
    holder: &mut Connection,
    worker: &mut Connection,
) -> Result<Applied, StoreError> {
    let failed = |e| StoreError::new("migrations.lock", e);
    create_lock_row(holder).await?;
    let lock = holder.transaction().await.map_err(failed)?;
    lock.execute("select from migration_lock for update", &[]).await.map_err(failed)?;
    let client: &mut Client = worker;
    let report = embedded::migrations::runner()
        .run_async(client)
        .await
        .map_err(|e| StoreError::Migration(Box::new(e)))?;
    lock.commit().await.map_err(failed)?;
    let names = report.applied_migrations().iter().map(ToString::to_string).collect();
    Ok(Applied { names })
}

/// `create table if not exists` is not safe against itself: two at once collide in the catalogue.
/// The second attempt of the loser finds the table.
async fn create_lock_row(client: &Client) -> Result<(), StoreError> {
    let create = include_str!("../sql/migration_lock/create.sql");
    if client.batch_execute(create).await.is_ok() {
        return Ok(());
    }
    client.batch_execute(create).await.map_err(|e| StoreError::new("migrations.lock_row", e))
}
