//! Parts of a page that are read apart from each other, of one snapshot. One that is too slow says
//! so, and the page comes without it (docs/adr/0065-the-console.md).

use std::time::{Duration, Instant};

use penstock_edge::telemetry::chain;
use penstock_store::snapshots::Snapshots;
use penstock_store::{Database, StoreError};
use tokio_postgres::Client;

/// No part of a page is waited for any longer.
pub(crate) const PATIENCE: Duration = Duration::from_secs(2);

/// All parts of a page together are not waited for any longer. A part that comes later is not read.
const PATIENCE_OF_PAGE: Duration = Duration::from_secs(8);

/// A part of a page.
#[derive(Debug)]
pub(crate) enum Part<T> {
    /// It was read.
    Read(T),
    /// It was not there in time.
    Slow,
    /// It could not be read. The log says why.
    Failed,
}

impl<T> Part<T> {
    /// The part, if it was read.
    pub(crate) fn get(&self) -> Option<&T> {
        match self {
            Self::Read(part) => Some(part),
            Self::Slow | Self::Failed => None,
        }
    }

    /// Makes a part for the template of what was read.
    pub(crate) fn map<U>(self, make: impl FnOnce(T) -> U) -> Part<U> {
        match self {
            Self::Read(part) => Part::Read(make(part)),
            Self::Slow => Part::Slow,
            Self::Failed => Part::Failed,
        }
    }

    /// The sentence that stands in place of a part that is not there.
    pub(crate) fn missing(&self) -> Option<&'static str> {
        match self {
            Self::Read(_) => None,
            Self::Slow => Some("This part took longer than 2 seconds. Load the page again."),
            Self::Failed => Some("This part could not be read. The log of the function says why."),
        }
    }
}

/// Reads the parts of one page, one after the other.
#[derive(Debug)]
pub(crate) struct Panels<'a> {
    snapshots: Snapshots<'a>,
    began: Instant,
}

impl<'a> Panels<'a> {
    /// Begins the parts of a page.
    #[must_use]
    pub(crate) fn of(database: &'a Database) -> Self {
        Self { snapshots: Snapshots::of(database), began: Instant::now() }
    }

    /// Reads a part.
    pub(crate) async fn read<T>(
        &mut self,
        name: &'static str,
        read: impl AsyncFnOnce(&Client) -> Result<T, StoreError>,
    ) -> Part<T> {
        let left = PATIENCE_OF_PAGE.saturating_sub(self.began.elapsed()).min(PATIENCE);
        if left.is_zero() {
            return Part::Slow;
        }
        match self.snapshots.read(left, read).await {
            Ok(part) => Part::Read(part),
            Err(error @ StoreError::Silent(_)) => {
                tracing::warn!(event = "part_slow", part = name, error = chain(&error));
                Part::Slow
            }
            Err(error) => {
                tracing::error!(event = "part_failed", part = name, error = chain(&error));
                Part::Failed
            }
        }
    }

    /// Ends the snapshot. Returns whether all parts that were read are of one.
    pub(crate) async fn end(self) -> bool {
        let is_one = self.snapshots.count() <= 1;
        self.snapshots.end().await;
        is_one
    }
}
