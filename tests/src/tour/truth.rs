//! Compares our rows with those of the simulated vendors while both change.

use std::time::{Duration, Instant};

use super::TourError;
use super::money::grouped;
use super::set_up::Tour;
use super::verdict::{self, Books};

/// The shortest time between two comparisons: each reads every row.
const COMPARE_EVERY: Duration = Duration::from_secs(2);

/// The pause between two comparisons is at least this many times the duration of one.
const PAUSES: u32 = 10;

/// The result of the last comparison.
#[derive(Debug, Default)]
pub(super) struct Truth {
    due: Option<Instant>,
    lines: Vec<String>,
    behind: usize,
}

impl Truth {
    /// Compares again if the last comparison is long enough ago. With real accounts it does
    /// nothing.
    pub(super) async fn refresh(&mut self, tour: &Tour) -> Result<(), TourError> {
        let Some(vendors) =
            tour.vendors.as_ref().filter(|_| self.due.is_none_or(|due| due <= Instant::now()))
        else {
            return Ok(());
        };
        let begun = Instant::now();
        (self.lines, self.behind) = (Vec::new(), 0);
        for books in verdict::books(tour).await? {
            self.money(&books);
        }
        for compared in vendors.compare(&tour.sql()).await? {
            self.tell(
                compared.what,
                &grouped(&compared.there.to_string()),
                compared.different.len(),
            );
        }
        self.due = Some(Instant::now() + COMPARE_EVERY.max(begun.elapsed() * PAUSES));
        Ok(())
    }

    fn money(&mut self, books: &Books) {
        let behind = books.behind();
        self.tell(
            &format!("{} money", books.source),
            &format!("{} currencies", books.ours.len()),
            behind,
        );
    }

    fn tell(&mut self, what: &str, there: &str, behind: usize) {
        self.behind += behind;
        let verdict = if behind == 0 {
            "= there".to_owned()
        } else {
            format!("{} behind", grouped(&behind.to_string()))
        };
        self.lines.push(format!("{what:<16} {there:>13}  {verdict}"));
    }

    /// Returns a line for each kind of object.
    pub(super) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Returns the result in a few words, for output that is not a terminal.
    pub(super) fn short(&self) -> String {
        match (self.lines.is_empty(), self.behind) {
            (true, _) => String::new(),
            (_, 0) => "; all as the vendors have it".to_owned(),
            (_, behind) => format!("; {} behind the vendors", grouped(&behind.to_string())),
        }
    }
}
