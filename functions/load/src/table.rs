//! Tables are made on first use, and get the columns that they lack.

use std::sync::PoisonError;
use std::time::Duration;

use penstock_clients::bigquery::BigQuery;
use penstock_clients::objects::Objects;
use penstock_domain::analytics;
use penstock_domain::bigquery::{Kind, Refusal, Table, missing};
use penstock_domain::clock::Clock;
use penstock_store::loads::{self, targets};
use penstock_store::{StoreError, begin, commit};

use crate::{LoadError, Ports, Step};

/// A staging table is deleted by BigQuery after this long, if nobody else does.
const STAGED: Duration = Duration::from_secs(2 * 86_400);

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
        let running = async {
            let connection = self.database.connection().await?;
            loads::running(&**connection, name).await
        };
        // A job that is done writes nothing into the table to come. One that is not may.
        let is_done = match self.database.in_time(running).await? {
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

    /// Makes the table in which a day is put together.
    pub(crate) async fn prepare_staging(
        &self,
        bigquery: &BigQuery<C>,
        table: &'static analytics::Table,
        name: &str,
    ) -> Result<(), LoadError> {
        if !self.has_seen(name) {
            let expires_at = self.clock.now() + STAGED;
            bigquery.make_table(name, table, Some(expires_at)).await?;
            self.see(name);
        }
        Ok(())
    }

    fn has_seen(&self, name: &str) -> bool {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).contains(name)
    }

    fn see(&self, name: &str) {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned());
    }
}
