//! How the rows of one source are read.

use crate::disposition::Reason;
use crate::facts::Facts;
use crate::record::RowView;
use crate::source::Whose;

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
}

/// A source without settings reads its rows by a function.
impl<F> Normalize for F
where
    F: for<'a> Fn(RowView<'a>) -> Result<Facts<'a>, Reason> + Send + Sync,
{
    fn normalize<'a>(&self, row: RowView<'a>) -> Result<Facts<'a>, Reason> {
        self(row)
    }
}
