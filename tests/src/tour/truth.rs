//! How far what stands here is what the simulated vendors have, while things change.

use std::time::{Duration, Instant};

use super::TourError;
use super::money::grouped;
use super::set_up::Tour;
use super::verdict::{self, Books};

/// Between two comparisons, at least: each reads every row.
const COMPARE_EVERY: Duration = Duration::from_secs(2);

/// And so many times as long as one takes.
const PAUSES: u32 = 10;

/// The last comparison.
#[derive(Debug, Default)]
pub(super) struct Truth {
    due: Option<Instant>,
    lines: Vec<String>,
    behind: usize,
}

impl Truth {
    /// Compares again, where the last time is long enough ago. Where accounts are real there is nothing to compare with.
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
        for compared in vendors.compare(&tour.sql).await? {
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

    /// A line a kind.
    pub(super) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// The same in some words, for where nothing can be drawn.
    pub(super) fn short(&self) -> String {
        match (self.lines.is_empty(), self.behind) {
            (true, _) => String::new(),
            (_, 0) => "; all as the vendors have it".to_owned(),
            (_, behind) => format!("; {} behind the vendors", grouped(&behind.to_string())),
        }
    }
}
