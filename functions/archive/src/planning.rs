//! Which rows become which file.

use penstock_clients::objects::Objects;
use penstock_domain::analytics::{Part, TABLES, Table, object_key};
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::ids::BatchId;
use penstock_store::archive::batches::{self, Planned};
use penstock_store::archive::{self, Mark};
use penstock_store::{Connection, StoreError, Transaction, begin, commit};

use crate::{ArchiveError, Ports, Request};

/// The outcome for a table.
enum Outcome {
    /// Its next window is planned, with so many files.
    Planned(usize),
    /// Nothing is due, or another call plans.
    Nothing,
    /// The store knows more than Postgres.
    Behind,
}

impl<O: Objects, C: Clock> Ports<O, C> {
    /// Plans the files of all windows that are due, or of all that hold rows if a person asks.
    /// Returns the number of files.
    pub(crate) async fn plan(&self, request: &Request) -> Result<usize, ArchiveError> {
        loop {
            if let Some(planned) = self.plan_all(request).await? {
                return Ok(planned);
            }
            // A list that is ahead again is of another database.
            self.begin_again().await?;
        }
    }

    /// As [`Self::plan`]; `None` if the store knows more than Postgres.
    async fn plan_all(&self, request: &Request) -> Result<Option<usize>, ArchiveError> {
        let wanted = request.wanted();
        let mut planned = 0;
        for table in TABLES {
            let is_wanted =
                wanted.is_some_and(|days| days.table.as_deref().is_none_or(|t| t == table.name));
            planned += match self.plan_table(table, is_wanted).await? {
                Outcome::Planned(files) => files,
                Outcome::Nothing => 0,
                Outcome::Behind => return Ok(None),
            };
        }
        Ok(Some(planned))
    }

    async fn plan_table(&self, table: &Table, is_wanted: bool) -> Result<Outcome, ArchiveError> {
        if !self.is_due(table, is_wanted).await? {
            return Ok(Outcome::Nothing);
        }
        // Read before the mark: the store's list is never newer than a mark that is read after it.
        let known = self.manifest(table).await?;
        let mut connection = self.database.connection().await?;
        let tx = begin(&mut connection).await?;
        let Some(mark) = archive::hold(&tx, table.name).await? else {
            return Ok(Outcome::Nothing);
        };
        let is_behind = known
            .is_some_and(|(list, _)| (list.epoch, list.revision) > (mark.epoch, mark.revision));
        if is_behind {
            return Ok(Outcome::Behind);
        }
        let files = self.plan_window(&tx, table, &mark).await?;
        commit(tx).await?;
        Ok(Outcome::Planned(files))
    }

    /// Whether the window of a table is to be closed: it holds a file's worth of rows, or some that
    /// have waited for long enough. Notes since when they wait.
    async fn is_due(&self, table: &Table, is_wanted: bool) -> Result<bool, StoreError> {
        let connection: Connection = self.database.connection().await?;
        let on = &**connection;
        let Some(mark) = archive::mark(on, table.name).await? else { return Ok(false) };
        let horizon = archive::horizon(on).await?;
        if horizon <= mark.to_tx {
            return Ok(false);
        }
        // The first window takes everything, and has waited for long enough.
        if mark.to_tx == 0 {
            return Ok(true);
        }
        let waiting = archive::waiting(on, table.name, mark.to_tx, horizon).await?;
        let now = self.clock.now();
        let since = (waiting.rows > 0).then(|| mark.waiting_since.unwrap_or(now));
        if since != mark.waiting_since {
            archive::note_waiting(on, table.name, &mark, since).await?;
        }
        Ok(since.is_some_and(|since| {
            is_wanted
                || waiting.bytes >= self.settings.batch_bytes
                || elapsed(since, now) >= self.settings.age
        }))
    }

    /// Plans the files of the window from the mark to the horizon, and moves the mark on.
    async fn plan_window(
        &self,
        tx: &Transaction<'_>,
        table: &Table,
        mark: &Mark,
    ) -> Result<usize, StoreError> {
        // In a statement of its own: those that follow see all rows of the transactions before it.
        let horizon = archive::horizon(tx).await?;
        if horizon <= mark.to_tx {
            return Ok(0);
        }
        let (name, window) = (table.name, (mark.to_tx, horizon));
        let now = self.clock.now();
        let mut files = Vec::new();
        for (day, amount) in batches::days(tx, name, window.0, window.1).await? {
            let parts = match amount.bytes > self.settings.batch_bytes {
                false => vec![(None, amount)],
                true => {
                    let size = self.settings.batch_bytes;
                    let parts = batches::parts(tx, name, window, day, size).await?;
                    parts.into_iter().map(|(keys, amount)| (Some(keys), amount)).collect()
                }
            };
            for (part, (keys, amount)) in (0_i32..).zip(parts) {
                let (from_tx, to_tx) = window;
                let of = Part { table: name, epoch: mark.epoch, from_tx, to_tx, day, part };
                files.push(Planned {
                    id: BatchId::new(now).0,
                    day,
                    part,
                    keys,
                    object: object_key(of),
                    amount,
                });
            }
        }
        if !files.is_empty() {
            batches::plan(tx, name, mark.epoch, window, &files, now).await?;
        }
        archive::advance(tx, name, mark, horizon).await?;
        Ok(files.len())
    }
}
