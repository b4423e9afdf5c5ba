//! `archive`: copies what came in to Parquet files on S3, for analysts.
//!
//! A window of a table holds the rows of all transactions that were over when it was planned. Its
//! files are planned in Postgres before they are written, each is written once under a name that
//! follows from its range, and a list beside them says which files count
//! (docs/adr/0067-the-analytics-copy.md).

mod columns;
mod epoch;
mod error;
mod facts;
mod file;
mod manifest;
mod planning;
mod reading;
mod repairing;
mod request;
mod rewriting;
mod schema;
mod settings;
mod writing;

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::objects::Objects;
use penstock_domain::clock::{Clock, earlier, elapsed};
use penstock_store::{Database, archive};

use rewriting::Rewriting;

pub use error::ArchiveError;
pub use request::{Report, Request};
pub use settings::Settings;

/// The name of the function, for its log.
pub const NAME: &str = "archive";

/// Everything that `archive` uses.
pub struct Ports<O, C> {
    /// Rows are read from here, and files are planned here.
    pub database: Database,
    /// The files are written here.
    pub objects: O,
    /// The settings of the operator.
    pub settings: Settings,
    /// The time.
    pub clock: C,
}

/// No file is begun later than this before Lambda ends the function. Most take a few seconds; one
/// that takes longer is given up, and the next event writes it.
const MARGIN: Duration = Duration::from_secs(20);

/// Work that goes on all the same is given up this long before Lambda would end it.
const RESERVE: Duration = Duration::from_secs(5);

impl<O: Objects, C: Clock> Ports<O, C> {
    /// Serves an event, begins no file shortly before `deadline`, and gives all up before Lambda
    /// would end the process. Without a bucket it does nothing.
    ///
    /// # Errors
    /// [`ArchiveError`] if Postgres or the store fails, or the time is over. The next event goes
    /// on.
    pub async fn serve(
        &self,
        request: Request,
        deadline: Timestamp,
    ) -> Result<Report, ArchiveError> {
        if self.settings.bucket.is_none() {
            return Ok(Report::default());
        }
        let left = elapsed(self.clock.now(), earlier(deadline, RESERVE));
        let stop_at = earlier(deadline, MARGIN);
        self.database.within(left, self.serve_until(&request, stop_at)).await
    }

    async fn serve_until(
        &self,
        request: &Request,
        stop_at: Timestamp,
    ) -> Result<Report, ArchiveError> {
        let mut report = Report::default();
        let outcome = self.work(request, stop_at, &mut report).await;
        self.tell(request, &mut report, outcome.as_ref().err()).await?;
        outcome.map(|()| report)
    }

    /// Plans, writes, searches and lists files. The list is written even if a file was not.
    async fn work(
        &self,
        request: &Request,
        stop_at: Timestamp,
        report: &mut Report,
    ) -> Result<(), ArchiveError> {
        self.epoch().await?;
        self.look_back().await?;
        self.repair(request, stop_at, report).await?;
        report.planned = self.plan(request).await?;
        let written = self.write_all(stop_at, report).await;
        let rewriting =
            Rewriting { database: &self.database, objects: &self.objects, clock: &self.clock };
        // Before the search, which may take what is left of the time.
        report.listed = self.write_manifests().await?;
        let searched = rewriting.search(stop_at).await?;
        report.listed += self.write_manifests().await?;
        rewriting.remove(searched).await?;
        written
    }

    /// Logs what was done, and how long the oldest row has waited.
    async fn tell(
        &self,
        request: &Request,
        report: &mut Report,
        error: Option<&ArchiveError>,
    ) -> Result<(), ArchiveError> {
        // A database that is away is told by the error itself.
        if error.is_some_and(ArchiveError::is_of_postgres) {
            return Ok(());
        }
        let connection = self.database.connection().await?;
        let since = archive::oldest_waiting(&**connection).await?;
        let table = request.wanted().and_then(|days| days.table.as_deref());
        let (files, why) = archive::batches::unfinished(&**connection, table).await?;
        report.waiting_seconds =
            since.map_or(0, |since| elapsed(since, self.clock.now()).as_secs());
        report.left = files;
        tracing::info!(
            event = "archived",
            planned = report.planned,
            files = report.files,
            rows = report.rows,
            bytes = report.bytes,
            withdrawn = report.withdrawn,
            failed = report.failed,
            left = files,
            waiting_seconds = report.waiting_seconds,
            last_error = why
        );
        Ok(())
    }
}
