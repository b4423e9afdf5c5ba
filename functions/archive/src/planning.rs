//! Which rows become which file.

use penstock_clients::objects::Objects;
use penstock_domain::analytics::{Manifest, Part, TABLES, Table, object_key};
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::ids::BatchId;
use penstock_store::archive::batches::{self, Planned};
use penstock_store::archive::{self, Mark, searches};
use penstock_store::{Connection, StoreError, begin, commit};

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
        let connection: Connection = self.database.connection().await?;
        let Some(mark) = archive::mark(&**connection, table.name).await? else {
            return Ok(Outcome::Nothing);
        };
        let horizon = archive::horizon(&**connection).await?;
        // A cluster that has not come so far yet is another one, whatever it says of itself.
        if horizon < mark.to_tx {
            return Ok(Outcome::Behind);
        }
        if !self.is_due(&connection, table, &mark, horizon, is_wanted).await? {
            return Ok(Outcome::Nothing);
        }
        drop(connection);
        // Read before the mark is held: it is never newer than a mark that is read after it.
        let known = self.manifest(table).await?.map(|(list, _)| list);
        self.plan_window(table, &mark, horizon, known.as_ref()).await
    }

    /// Whether the window of a table is to be closed: it holds a file's worth of rows, or some that
    /// have waited for long enough. Notes since when rows wait, also those behind the horizon.
    async fn is_due(
        &self,
        on: &Connection,
        table: &Table,
        mark: &Mark,
        horizon: i64,
        is_wanted: bool,
    ) -> Result<bool, StoreError> {
        let (on, name) = (&***on, table.name);
        // The first window takes everything, and has waited for long enough.
        if mark.to_tx == 0 {
            return Ok(true);
        }
        let ready = archive::waiting(on, name, mark.to_tx, horizon).await?;
        let is_waiting =
            ready.rows > 0 || archive::waiting(on, name, horizon, i64::MAX).await?.rows > 0;
        let now = self.clock.now();
        let since = is_waiting.then(|| mark.waiting_since.unwrap_or(now));
        if since != mark.waiting_since {
            archive::note_waiting(on, name, mark, since).await?;
        }
        let is_old = since.is_some_and(|since| elapsed(since, now) >= self.settings.age);
        Ok(ready.rows > 0 && (is_wanted || is_old || ready.bytes >= self.settings.batch_bytes))
    }

    /// Plans the files of the window from the mark to the horizon, and moves the mark on.
    async fn plan_window(
        &self,
        table: &Table,
        mark: &Mark,
        horizon: i64,
        known: Option<&Manifest>,
    ) -> Result<Outcome, ArchiveError> {
        let (name, epoch, window) = (table.name, mark.epoch, (mark.to_tx, horizon));
        let now = self.clock.now();
        let mut connection = self.database.connection().await?;
        // Outside the transaction, since the first window takes minutes. No row comes into it any
        // more: those that change leave it.
        let parts = batches::parts(&**connection, name, window, self.settings.batch_bytes).await?;
        let files: Vec<Planned> = parts
            .into_iter()
            .map(|part| {
                let (day, number) = (part.day, part.number);
                let (from_tx, to_tx) = window;
                let of = Part { table: name, epoch, from_tx, to_tx, day, part: number };
                Planned { id: BatchId::new(now).0, part, object: object_key(of) }
            })
            .collect();
        let tx = begin(&mut connection).await?;
        let Some(held) = archive::hold(&tx, name).await? else { return Ok(Outcome::Nothing) };
        if known.is_some_and(|list| held.is_behind(list)) {
            return Ok(Outcome::Behind);
        }
        if (held.epoch, held.to_tx) != (mark.epoch, mark.to_tx) {
            return Ok(Outcome::Nothing);
        }
        if !files.is_empty() {
            batches::plan(&tx, name, epoch, window, &files, now).await?;
        }
        archive::advance(&tx, name, &held, horizon).await?;
        commit(tx).await?;
        Ok(Outcome::Planned(files.len()))
    }

    /// Begins the next life of the database if the store knows more than Postgres, before work that
    /// was left is taken up: what it notes would hide that.
    pub(crate) async fn look_back(&self) -> Result<(), ArchiveError> {
        let connection = self.database.connection().await?;
        let (planned, _) = batches::unfinished(&**connection, None).await?;
        let unsearched = searches::left(&**connection).await?.unsearched;
        drop(connection);
        if planned == 0 && unsearched == 0 {
            return Ok(());
        }
        for table in TABLES {
            let Some((list, _)) = self.manifest(table).await? else { continue };
            let connection = self.database.connection().await?;
            let mark = archive::mark(&**connection, table.name).await?;
            drop(connection);
            if mark.is_some_and(|mark| mark.is_behind(&list)) {
                return self.begin_again().await;
            }
        }
        Ok(())
    }
}
