//! One day is replaced.

use jiff::civil::Date;
use penstock_clients::bigquery::BigQuery;
use penstock_clients::objects::Objects;
use penstock_domain::analytics;
use penstock_domain::bigquery::{Job, Kind, Move, Refusal, Write, partition, staging};
use penstock_domain::clock::Clock;
use penstock_domain::retry::after_failures;
use penstock_store::loads::rebuilds::{self, Next, Rebuild};
use penstock_store::loads::targets;
use penstock_store::{StoreError, begin, commit};
use uuid::Uuid;

use crate::request::Report;
use crate::table::extend;
use crate::{LoadError, Ports, Step};

impl<C: Clock, O: Objects> Ports<C, O> {
    /// Takes the next step of a table's rebuilds.
    pub(crate) async fn rebuild(
        &self,
        bigquery: &BigQuery<C>,
        table: &'static analytics::Table,
        next: Next,
        report: &mut Report,
    ) -> Result<Step, LoadError> {
        let name = table.name;
        match next {
            Next::Planned(day, files) => {
                tracing::info!(event = "rebuild_planned", table = name, %day, files);
                Ok(Step::Moved)
            }
            Next::GivenUp(id, day) => {
                tracing::info!(event = "rebuild_given_up", table = name, %day);
                self.drop_staging(bigquery, &staging(name, day, id)).await;
                Ok(Step::Moved)
            }
            Next::Copy(rebuild) => self.replace(bigquery, table, &rebuild, report).await,
        }
    }

    /// Replaces a partition by what was put together: it changes at once or not at all. A day
    /// without rows is deleted.
    async fn replace(
        &self,
        bigquery: &BigQuery<C>,
        of: &'static analytics::Table,
        rebuild: &Rebuild,
        report: &mut Report,
    ) -> Result<Step, LoadError> {
        let table = of.name;
        let staged = staging(table, rebuild.day, rebuild.id);
        if rebuild.rows == 0 {
            bigquery.delete_table(&partition(table, rebuild.day)).await?;
        } else {
            let job = self.copy(bigquery, of, rebuild, &staged).await?;
            if !job.is_done {
                return Ok(Step::Running);
            }
            if let Some(refusal) = &job.error {
                self.not_copied(bigquery, table, rebuild, refusal).await?;
                return Ok(Step::Moved);
            }
        }
        let now = self.clock.now();
        let finishing = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            targets::lock(&tx, table).await?;
            let is_first = rebuilds::finish(&tx, table, rebuild, now).await?;
            commit(tx).await?;
            Ok::<_, StoreError>(is_first)
        };
        if self.database.in_time(finishing).await? {
            let (day, files) = (rebuild.day, rebuild.files);
            tracing::info!(event = "day_rebuilt", table, %day, files);
            report.rebuilt += 1;
        }
        self.drop_staging(bigquery, &staged).await;
        Ok(Step::Moved)
    }

    /// Returns the job that copies a day from its staging table. It is not begun if that has other
    /// rows than were loaded: it was deleted meanwhile, or BigQuery keeps no partition so old.
    async fn copy(
        &self,
        bigquery: &BigQuery<C>,
        table: &analytics::Table,
        rebuild: &Rebuild,
        staged: &str,
    ) -> Result<Job, Refusal> {
        if let Some(job) = bigquery.job(&rebuild.job).await? {
            return Ok(job);
        }
        let (found, of) = (extend(bigquery, staged, table).await?, rebuild.rows);
        if found != Some(of) {
            let found = found.map_or_else(|| "is gone".to_owned(), |rows| format!("has {rows}"));
            let words = format!("{of} rows were loaded, and the staging table {found}");
            return Ok(Job::refused(Refusal { kind: Kind::NotFound, words }));
        }
        let to = partition(table.name, rebuild.day);
        let from = partition(staged, rebuild.day);
        let rows = Move::Replace { from: &from };
        bigquery.start(&Write { job: &rebuild.job, to: &to, rows }).await
    }

    async fn not_copied(
        &self,
        bigquery: &BigQuery<C>,
        table: &'static str,
        rebuild: &Rebuild,
        refusal: &Refusal,
    ) -> Result<(), LoadError> {
        let (now, job, error) = (self.clock.now(), rebuild.job.as_str(), refusal.words.as_str());
        tracing::warn!(event = "bigquery_copy_failed", table, job, error);
        let attempts = u32::try_from(rebuild.attempt).unwrap_or(1);
        let next_try_at = match refusal.kind {
            Kind::Rejected | Kind::Duplicate => None,
            _ => Some(now + after_failures(attempts)),
        };
        let is_gone = refusal.kind == Kind::NotFound;
        let keeping = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            targets::lock(&tx, table).await?;
            let is_kept = rebuilds::again(&tx, rebuild, error, next_try_at, now).await?;
            // Its table or the staging table is gone: the next rebuild finds out which.
            if is_kept && is_gone {
                rebuilds::give_up(&tx, rebuild.id, Some(error), now).await?;
            }
            commit(tx).await?;
            Ok::<_, StoreError>(is_kept)
        };
        let is_kept = self.database.in_time(keeping).await?;
        match refusal.kind {
            Kind::Rejected | Kind::Duplicate if is_kept => {
                let what = "rebuild_parked";
                tracing::error!(event = "bigquery_to_look_at", what, table, job, error);
            }
            Kind::NotFound => {
                self.forget_seen(table);
                if is_kept {
                    self.given_up(bigquery, table, rebuild.day, rebuild.id, error).await;
                }
            }
            Kind::Rate | Kind::Quota | Kind::Denied => return Err(refusal.clone().into()),
            _ => {}
        }
        Ok(())
    }

    /// Tells that a rebuild has failed, and deletes its staging table.
    pub(crate) async fn given_up(
        &self,
        bigquery: &BigQuery<C>,
        table: &str,
        day: Date,
        rebuild: Uuid,
        error: &str,
    ) {
        tracing::warn!(event = "rebuild_given_up", table, %day, error);
        self.drop_staging(bigquery, &staging(table, day, rebuild)).await;
    }

    /// Deletes a staging table. One that stays is deleted by BigQuery after two days.
    pub(crate) async fn drop_staging(&self, bigquery: &BigQuery<C>, name: &str) {
        if let Err(error) = bigquery.delete_table(name).await {
            tracing::warn!(event = "staging_left", table = name, error = error.words);
        }
    }
}
