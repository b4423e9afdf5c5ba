//! How the rows of one source are read.

use crate::disposition::{Reason, ReasonKind};
use crate::facts::Facts;
use crate::record::RowView;
use crate::source::{Stranger, Whose};

/// Reads the rows of one source by what its deployment has set. Made once, when a function starts,
/// so that a setting that cannot be used stops the deployment and not a row.
pub trait Normalize: Send + Sync {
    /// Reads a row. The row may be a tombstone that `fetch` made ([`crate::record::is_vanished`]),
    /// if [`super::Source::sweeps`] or [`crate::paging::ErrorClass::Gone`] asked for one.
    ///
    /// # Errors
    /// The reason for its dead letter.
    fn normalize<'a>(&self, row: RowView<'a>) -> Result<Facts<'a>, Reason>;

    /// Says whose a row is. Only rows that are the deployment's own are read.
    fn whose(&self, _row: RowView<'_>) -> Whose {
        Whose::Ours
    }

    /// Returns the connected account that a row is of, if the row is
    /// [`crate::source::NotOurs::ConnectedAccount`]. One whose id no connection can have is `None`.
    fn stranger(&self, _row: RowView<'_>) -> Option<Stranger> {
        None
    }

    /// Returns what is to be said of the object of a row that became a dead letter: that its newest
    /// version cannot be read. Otherwise an older version would go on counting as if nothing were.
    ///
    /// The row's payload may be missing. Empty facts are right for rows that name no object that
    /// Penstock models, and for objects that have one version only.
    fn unreadable<'a>(&self, row: RowView<'a>, why: ReasonKind) -> Facts<'a>;
}

/// Rows of which every object has one version are read by a function: leads and events.
impl<F> Normalize for F
where
    F: for<'a> Fn(RowView<'a>) -> Result<Facts<'a>, Reason> + Send + Sync,
{
    fn normalize<'a>(&self, row: RowView<'a>) -> Result<Facts<'a>, Reason> {
        self(row)
    }

    fn unreadable<'a>(&self, _row: RowView<'a>, _why: ReasonKind) -> Facts<'a> {
        Facts::default()
    }
}
