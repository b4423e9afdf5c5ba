//! One file becomes rows.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::bigquery::{BigQuery, Sent};
use penstock_clients::objects::Objects;
use penstock_domain::analytics;
use penstock_domain::bigquery::{Job, Kind, Move, Refusal, Write, partition, staging};
use penstock_domain::clock::Clock;
use penstock_domain::retry::after_failures;
use penstock_store::loads::{self, Load, Outcome, rebuilds, targets};
use penstock_store::{StoreError, begin, commit};

use crate::file::File;
use crate::request::Report;
use crate::table::extend;
use crate::{LoadError, Ports, Step};

/// A staging table is deleted by BigQuery after this long, if nobody else does.
const STAGED: Duration = Duration::from_secs(2 * 86_400);

/// A file that BigQuery has not taken is tried again after this long, by another invocation: it may
/// be one of the release that knows a new column of the file.
const REJECTED: Duration = Duration::from_secs(15 * 60);

impl<C: Clock, O: Objects> Ports<C, O> {
    /// Goes on with a load: its job is started, or asked for, and its end is kept.
    pub(crate) async fn load(
        &self,
        bigquery: &BigQuery<C>,
        table: &'static analytics::Table,
        load: &Load,
        stop_at: Timestamp,
        report: &mut Report,
    ) -> Result<Step, LoadError> {
        // An attempt of an earlier invocation may have got there.
        let known = if load.is_new { None } else { bigquery.job(&load.job).await? };
        let job = match known {
            Some(job) => job,
            None => {
                let Some(key) = &load.key else { return self.gone(table, load).await };
                let to = self.prepare_partition(bigquery, table, load).await?;
                let write = Write { job: &load.job, to: &to, rows: Move::Append };
                let file = File { objects: &self.objects, key };
                match bigquery.load(&write, load.bytes, &file, stop_at).await? {
                    Sent::Job(job) => job,
                    Sent::OutOfTime => return Ok(Step::Nothing),
                    Sent::Gone => return self.gone(table, load).await,
                }
            }
        };
        if !job.is_done {
            return Ok(Step::Running);
        }
        match &job.error {
            None => self.loaded(table, load, &job, report).await?,
            Some(refusal) => self.failed(bigquery, table, load, refusal).await?,
        }
        Ok(Step::Moved)
    }

    /// Returns the partition that a file is loaded into. The table in which a day is put together
    /// is made before its first file. If it is gone later, files of the day were lost with it: the
    /// job finds no table then, and the rebuild is given up.
    async fn prepare_partition(
        &self,
        bigquery: &BigQuery<C>,
        table: &analytics::Table,
        load: &Load,
    ) -> Result<String, Refusal> {
        if load.rebuild.is_nil() {
            return Ok(partition(table.name, load.day));
        }
        let staged = staging(table.name, load.day, load.rebuild);
        if load.is_first {
            bigquery.make_table(&staged, table, Some(self.clock.now() + STAGED)).await?;
        }
        if load.was_rejected {
            // A release that did not know all columns may have made it.
            extend(bigquery, &staged, table).await?;
        }
        Ok(partition(&staged, load.day))
    }

    /// Keeps that there is no file to send. The batch was replaced meanwhile, or somebody has
    /// deleted the object: that is told as what is behind.
    async fn gone(&self, table: &analytics::Table, load: &Load) -> Result<Step, LoadError> {
        let (attempt, error) = (load.attempt, "the object is not there");
        let key = load.key.as_deref();
        tracing::warn!(event = "bigquery_no_file", table = table.name, key, attempt);
        let at = self.clock.now() + after_failures(u32::try_from(attempt).unwrap_or(1));
        self.end(load, Outcome::Again(error, at)).await?;
        Ok(Step::Moved)
    }

    async fn loaded(
        &self,
        table: &analytics::Table,
        load: &Load,
        job: &Job,
        report: &mut Report,
    ) -> Result<(), StoreError> {
        if !self.end(load, Outcome::Loaded(job.rows)).await? {
            return Ok(());
        }
        let rows = job.rows.unwrap_or(load.rows);
        if load.key.is_some() && rows != load.rows {
            let (job, of) = (load.job.as_str(), load.rows);
            tracing::error!(
                event = "bigquery_to_look_at",
                what = "rows_differ",
                table = table.name,
                job,
                rows,
                of
            );
        }
        if load.rebuild.is_nil() {
            report.loaded += 1;
            report.rows += rows;
        }
        Ok(())
    }

    /// Keeps that an attempt has failed. It has written nothing.
    async fn failed(
        &self,
        bigquery: &BigQuery<C>,
        table: &analytics::Table,
        load: &Load,
        refusal: &Refusal,
    ) -> Result<(), LoadError> {
        let (name, job, error) = (table.name, load.job.as_str(), refusal.words.as_str());
        let attempt = load.attempt;
        tracing::warn!(event = "bigquery_load_failed", table = name, job, attempt, error);
        match refusal.kind {
            // A column may be missing: the table is looked at once more.
            Kind::Rejected if !load.was_rejected => {
                self.forget_seen(name);
                let at = self.clock.now() + REJECTED;
                self.end(load, Outcome::Rejected(error, at)).await?;
            }
            Kind::Rejected | Kind::Duplicate => {
                if self.end(load, Outcome::Parked(error)).await? {
                    let what = "load_parked";
                    tracing::error!(event = "bigquery_to_look_at", what, table = name, job, error);
                }
            }
            Kind::NotFound if !load.rebuild.is_nil() => {
                self.give_up(bigquery, table, load, error).await?;
            }
            kind => {
                let attempts = u32::try_from(attempt).unwrap_or(1);
                let at = self.clock.now() + after_failures(attempts);
                self.end(load, Outcome::Again(error, at)).await?;
                match kind {
                    // The next step finds out whether the table is there.
                    Kind::NotFound => self.forget_seen(name),
                    Kind::Passing => {}
                    // The next job fares no better, whatever its table.
                    _ => return Err(refusal.clone().into()),
                }
            }
        }
        Ok(())
    }

    /// Gives up a rebuild whose staging table is gone. It is planned again after a pause.
    async fn give_up(
        &self,
        bigquery: &BigQuery<C>,
        table: &analytics::Table,
        load: &Load,
        error: &str,
    ) -> Result<(), StoreError> {
        let (now, name) = (self.clock.now(), table.name);
        let giving_up = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            targets::lock(&tx, name).await?;
            let is_kept = loads::end(&tx, load, Outcome::Again(error, now), now).await?;
            if is_kept {
                rebuilds::give_up(&tx, load.rebuild, Some(error), now).await?;
            }
            commit(tx).await?;
            Ok::<_, StoreError>(is_kept)
        };
        if self.database.in_time(giving_up).await? {
            self.given_up(bigquery, name, load.day, load.rebuild, error).await;
        }
        Ok(())
    }

    async fn end(&self, load: &Load, outcome: Outcome<'_>) -> Result<bool, StoreError> {
        let now = self.clock.now();
        let ending = async {
            let connection = self.database.connection().await?;
            loads::end(&**connection, load, outcome, now).await
        };
        self.database.in_time(ending).await
    }
}
