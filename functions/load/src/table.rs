//! Tables are made on first use, and get the columns that they lack.

use std::sync::PoisonError;
use std::time::Duration;

use penstock_clients::bigquery::BigQuery;
use penstock_clients::objects::Objects;
use penstock_domain::analytics;
use penstock_domain::bigquery::{Kind, Refusal, Table, missing};
use penstock_domain::clock::Clock;
use penstock_store::loads::{self, rebuilds, targets};
use penstock_store::{StoreError, begin, commit};

use crate::{LoadError, Ports, Step};

/// A table that a person has to look at is looked at again after this long.
const LOOKED_AFTER: Duration = Duration::from_secs(3600);

impl<C: Clock, O: Objects> Ports<C, O> {
    /// Looks at a table that this environment has not seen, makes it if it is not there, and adds
    /// the columns that it lacks. Returns a step if what is to do has changed by it.
    pub(crate) async fn prepare(
        &self,
        bigquery: &BigQuery<C>,
        table: &'static analytics::Table,
        made: i32,
    ) -> Result<Option<Step>, LoadError> {
        if self.has_seen(table.name) {
            return Ok(None);
        }
        match bigquery.table(table.name).await? {
            None => self.make(bigquery, table, made).await,
            Some(found) => self.complete(bigquery, table, &found).await,
        }
    }

    /// Makes a table. If files were loaded before, somebody has deleted it, and they are loaded
    /// again.
    async fn make(
        &self,
        bigquery: &BigQuery<C>,
        table: &'static analytics::Table,
        made: i32,
    ) -> Result<Option<Step>, LoadError> {
        let name = table.name;
        let asking = async {
            let connection = self.database.connection().await?;
            let on = &**connection;
            let copying = rebuilds::copying(on, name).await?;
            Ok::<_, StoreError>((copying, loads::running(on, name).await?))
        };
        let (copying, running) = self.database.in_time(asking).await?;
        // A job that is done writes nothing into the table to come. One that is not may. A copy is
        // waited for, because all files of its day are loaded again.
        if let Some(job) = copying
            && bigquery.job(&job).await?.is_some_and(|job| !job.is_done)
        {
            return Ok(Some(Step::Running));
        }
        let is_done = match running {
            Some(load) => bigquery.job(&load.job).await?.is_some_and(|job| job.is_done),
            None => false,
        };
        let now = self.clock.now();
        let forgetting = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            targets::lock(&tx, name).await?;
            let forgotten = targets::gone(&tx, name, made, is_done, now).await?;
            commit(tx).await?;
            Ok::<_, StoreError>(forgotten)
        };
        let Some(files) = self.database.in_time(forgetting).await? else {
            // Somebody else makes it.
            return Ok(Some(Step::Moved));
        };
        bigquery.make_table(name, table, None).await?;
        let keeping = async {
            let connection = self.database.connection().await?;
            targets::made(&**connection, name).await
        };
        self.database.in_time(keeping).await?;
        match files {
            0 => tracing::info!(event = "bigquery_table_made", table = name),
            _ => {
                let what = "table_lost";
                tracing::error!(event = "bigquery_to_look_at", what, table = name, files);
            }
        }
        self.see(name);
        Ok(Some(Step::Moved))
    }

    async fn complete(
        &self,
        bigquery: &BigQuery<C>,
        table: &'static analytics::Table,
        found: &Table,
    ) -> Result<Option<Step>, LoadError> {
        let name = table.name;
        let asking = async {
            let connection = self.database.connection().await?;
            targets::knows(&**connection, name).await
        };
        if found.rows > 0 && !self.database.in_time(asking).await? {
            let error = "it holds rows that are not known here: delete it, or name another dataset";
            return self.leave(name, error).await.map(Some);
        }
        let patch = match missing(found, table) {
            Ok(patch) => patch,
            Err(conflict) => return self.leave(name, &conflict.to_string()).await.map(Some),
        };
        if let Some(patch) = patch {
            match bigquery.patch_table(name, &patch).await {
                Err(Refusal { kind: Kind::Rejected | Kind::NotFound, words }) => {
                    return self.leave(name, &words).await.map(Some);
                }
                patched => patched?,
            }
            tracing::info!(event = "bigquery_table_extended", table = name);
        }
        let healing = async {
            let connection = self.database.connection().await?;
            targets::wake(&**connection, Some(name)).await
        };
        self.database.in_time(healing).await?;
        self.see(name);
        Ok(None)
    }

    /// Leaves a table to a person. It rests until then, and the others go on.
    async fn leave(&self, name: &'static str, error: &str) -> Result<Step, LoadError> {
        let what = "table_parked";
        tracing::error!(event = "bigquery_to_look_at", what, table = name, error);
        let until = self.clock.now() + LOOKED_AFTER;
        let leaving = async {
            let connection = self.database.connection().await?;
            targets::rest(&**connection, name, until, error).await
        };
        self.database.in_time(leaving).await?;
        Ok(Step::Nothing)
    }

    fn has_seen(&self, name: &str) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    fn see(&self, name: &'static str) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(name);
    }
}

/// Adds the columns that the staging table `name` lacks. Returns its rows; `None` if it is gone.
pub(crate) async fn extend<C: Clock>(
    bigquery: &BigQuery<C>,
    name: &str,
    of: &analytics::Table,
) -> Result<Option<i64>, Refusal> {
    let Some(found) = bigquery.table(name).await? else { return Ok(None) };
    // The job tells a column that stays wrong.
    if let Ok(Some(patch)) = missing(&found, of) {
        match bigquery.patch_table(name, &patch).await {
            Err(Refusal { kind: Kind::Rejected | Kind::NotFound, .. }) => {}
            patched => patched?,
        }
    }
    Ok(Some(found.rows))
}
