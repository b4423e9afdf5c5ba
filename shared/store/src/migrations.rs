//! The migrations of the schema. Each is applied once, by one process at a time.

use std::error::Error;
use std::iter::successors;
use std::time::Duration;

use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use crate::{Connection, Database, StoreError};

/// The session of a migration. It takes what time it takes, but waits for no lock for long: all
/// that comes after it would wait behind it.
const UNHURRIED: &str = include_str!("../sql/migration_lock/unhurried.sql");

/// A migration that found a lock taken is tried again after this.
const PAUSE: Duration = Duration::from_secs(1);

/// The tries of all migrations together. With the pauses they take two minutes, which is less than
/// Lambda gives `migrate`.
const TRIES: u32 = 60;

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
/// migrator waits for the row, and a migrator that dies releases it. A migration that cannot have a
/// lock within a second is rolled back and tried again, for two minutes in all.
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
    for session in [&*holder, &*worker] {
        session.batch_execute(UNHURRIED).await.map_err(failed)?;
    }
    create_lock_row(holder).await?;
    holder.batch_execute("reset lock_timeout").await.map_err(failed)?;
    let lock = holder.transaction().await.map_err(failed)?;
    lock.execute("select from migration_lock for update", &[]).await.map_err(failed)?;
    let names = in_tries(worker).await?;
    lock.commit().await.map_err(failed)?;
    worker.batch_execute("reset lock_timeout").await.map_err(failed)?;
    Ok(Applied { names })
}

/// Applies the migrations, each in a transaction of its own, until all are.
async fn in_tries(client: &mut Client) -> Result<Vec<String>, StoreError> {
    let mut names = Vec::new();
    let mut tries = 1;
    loop {
        let error = match embedded::migrations::runner().run_async(client).await {
            Ok(report) => {
                names.extend(report.applied_migrations().iter().map(ToString::to_string));
                return Ok(names);
            }
            Err(error) => error,
        };
        if tries == TRIES || !found_a_lock(&error) {
            return Err(StoreError::Migration(Box::new(error)));
        }
        let applied = error.report().map_or(&[][..], |report| report.applied_migrations());
        names.extend(applied.iter().map(ToString::to_string));
        tracing::info!(event = "migration_waits_for_a_lock", tries);
        tokio::time::sleep(PAUSE).await;
        tries += 1;
    }
}

/// Whether a migration was rolled back because another transaction holds a lock.
fn found_a_lock(error: &refinery::Error) -> bool {
    let first: &(dyn Error + 'static) = error;
    let mut causes = successors(Some(first), |&error| error.source());
    causes.any(|cause| {
        let driver = cause.downcast_ref::<tokio_postgres::Error>();
        driver.is_some_and(|error| error.code() == Some(&SqlState::LOCK_NOT_AVAILABLE))
    })
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
