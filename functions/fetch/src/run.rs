//! A run in the hands of one invocation: its lease, its segments, and how a page moves them.
//!
//! A history is cut into windows that are paged side by side, each page committed with the position
//! of its own window. Only the lease ties them together: after a crash, the next invocation goes on
//! from every position.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::paging::{Next, Position};
use penstock_domain::record::JSON;
use penstock_domain::source::Source;
use penstock_domain::ticket;
use penstock_store::outbox::Arrival;
use penstock_store::sync_state::{self, Key, Lease, RunUnderWay, Window, pauses, windows};
use penstock_store::{Database, StoreError, Transaction, begin, commit};

use crate::circuit;

/// A page must be committed within this time of the one before, or another invocation may take
/// over. The fence, not the clock, keeps the two apart.
pub(crate) const LEASE: Duration = Duration::from_secs(120);

/// The report of a run that cannot go on: the vendor no longer shows all of its window, or the
/// outbox no longer has the rows that tell what it has shown.
pub(crate) const LEFT_TOO_LONG: &str = "left unfinished for so long that it cannot go on";

/// A run and the lease under which this invocation moves it.
pub(crate) struct Run<'a> {
    pub key: Key<'a>,
    pub lease: Lease,
    pub at: RunUnderWay,
    /// Rows whose version was not known before, in this invocation.
    pub new_rows: usize,
    /// Whether this invocation has committed a page, an answer, or another step of the run. The
    /// cursor has moved then, or the phase of a reconciliation.
    pub progressed: bool,
}

/// A part of a run that is paged by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Segment {
    /// The position where the run began. A history is cut into windows here; any other run has no
    /// other segment.
    Rest,
    /// The window of that number.
    Window(i32),
}

/// How far an invocation came with its run.
pub(crate) enum Stop {
    /// Nothing is left to do.
    Done,
    /// The run goes on after this pause.
    OutOfTime(Duration),
    /// The vendor makes the run wait for this long.
    Throttled(Duration),
}

impl<'a> Run<'a> {
    /// Creates a run that goes on from `at` under `lease`.
    pub fn new(key: Key<'a>, lease: Lease, at: RunUnderWay) -> Self {
        Self { key, lease, at, new_rows: 0, progressed: false }
    }

    /// The segments that have pages left, the newest history first. Once the rest is cut up, only
    /// the windows have, and the run waits for them.
    pub fn segments(&self) -> impl Iterator<Item = Segment> + '_ {
        let waits = self.at.windows_complete && !self.at.windows.is_empty();
        let rest = (!waits).then_some(Segment::Rest);
        rest.into_iter().chain(self.at.windows.iter().map(|window| Segment::Window(window.number)))
    }

    /// Returns the position of a segment.
    pub fn position(&self, segment: Segment) -> &Position {
        let window = self.at.windows.iter().find(|w| segment == Segment::Window(w.number));
        window.map_or(&self.at.position, |window| &window.position)
    }

    /// Returns what the outbox notes about the rows that this run brings.
    pub fn arrival(&self, now: Timestamp) -> Arrival<'a> {
        Arrival {
            source: self.key.source,
            media: JSON,
            run: Some(self.at.id),
            received_at: now,
            ticket_due_at: now + ticket::GRACE,
            ..Arrival::default()
        }
    }

    /// Ends the pause of the pull and the rests of its connection: the vendor has answered. Returns
    /// whether the pull was paused.
    ///
    /// # Errors
    /// Returns [`StoreError`] if the statement fails.
    pub async fn heal(&self, tx: &Transaction<'_>, now: Timestamp) -> Result<bool, StoreError> {
        if self.lease.paused {
            pauses::heal(tx, self.key, now).await?;
        }
        circuit::close(tx, self.key, &self.lease).await?;
        Ok(self.lease.paused)
    }

    /// Stores the position of the run and extends its lease.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`] if another invocation has taken the lease: roll back.
    pub async fn store_position(
        &self,
        tx: &Transaction<'_>,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        sync_state::advance(tx, self.key, &self.lease, &self.at, now, now + LEASE).await
    }

    /// Moves `segment` on, in the transaction of its page. Returns whether the whole run is
    /// drained; the caller decides how it ends.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`] if another invocation has taken the lease: roll back.
    pub async fn step(
        &mut self,
        tx: &Transaction<'_>,
        segment: Segment,
        next: &Next,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        match (segment, next) {
            (Segment::Rest, Next::Drained { .. } | Next::Incomplete { .. })
                if self.at.windows.is_empty() =>
            {
                return Ok(true);
            }
            (Segment::Rest, _) => self.step_rest(tx, next, now).await?,
            (Segment::Window(number), _) => self.step_window(tx, number, next, now).await?,
        }
        if let Next::Fork { window, .. } = next {
            self.open_window(tx, window.clone()).await?;
        }
        Ok(false)
    }

    async fn step_rest(
        &mut self,
        tx: &Transaction<'_>,
        next: &Next,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        match next {
            Next::Drained { .. } | Next::Incomplete { .. } => self.at.windows_complete = true,
            Next::Continue(position) | Next::Fork { rest: position, .. } => {
                self.at.position = position.clone();
            }
        }
        self.store_position(tx, now).await
    }

    async fn step_window(
        &mut self,
        tx: &Transaction<'_>,
        number: i32,
        next: &Next,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let (key, lease, until) = (self.key, &self.lease, now + LEASE);
        match next {
            Next::Drained { .. } | Next::Incomplete { .. } => {
                self.at.windows.retain(|window| window.number != number);
                windows::close(tx, key, lease, number, now, until).await
            }
            Next::Continue(position) | Next::Fork { rest: position, .. } => {
                let moved = Window { number, position: position.clone() };
                windows::advance(tx, key, lease, &moved, now, until).await?;
                for window in self.at.windows.iter_mut().filter(|w| w.number == number) {
                    window.position.clone_from(position);
                }
                Ok(())
            }
        }
    }

    async fn open_window(
        &mut self,
        tx: &Transaction<'_>,
        position: Position,
    ) -> Result<(), StoreError> {
        let number = self.at.windows.last().map_or(1, |last| last.number.saturating_add(1));
        let window = Window { number, position };
        windows::open(tx, self.key, &self.lease, &window).await?;
        self.at.windows.push(window);
        Ok(())
    }

    /// Converts a run saved by a release without windows. Its position becomes a window, and
    /// everything before it becomes the rest. Does nothing to a run that has windows, or whose
    /// source cuts none.
    ///
    /// # Errors
    /// [`StoreError::FenceLost`] if another invocation has taken the lease.
    pub async fn adopt(
        &mut self,
        database: &Database,
        source: &dyn Source,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        let Some(from) = self.at.position.from.filter(|_| source.goes_back_in_time()) else {
            return Ok(());
        };
        let window = self.at.position.clone();
        let rest = Position { from: None, to: from, token: None };
        self.at.windows_complete = false;
        let mut connection = database.connection().await?;
        let tx = begin(&mut connection).await?;
        self.step(&tx, Segment::Rest, &Next::Fork { window, rest }, now).await?;
        commit(tx).await
    }
}
