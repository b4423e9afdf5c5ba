//! Compares the rows of each connection with those of its simulated vendor while both change.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use super::TourError;
use super::books::{self, Books};
use super::money::{counted, grouped};
use super::set_up::Tour;
use super::verdict::CURRENCY;
use crate::stack::StackError;
use crate::vendors::Compared;

/// The shortest time between two comparisons: each reads the rows of the portal and the calendars.
const COMPARE_EVERY: Duration = Duration::from_secs(2);

/// The pause between two comparisons is at least this many times the duration of one.
const PAUSES: u32 = 10;

/// The result of the last comparison.
#[derive(Debug, Default)]
pub(super) struct Truth {
    due: Option<Instant>,
    lines: Vec<String>,
    /// The connections that differ from their vendors, each with the number of differences.
    behind: Vec<(&'static str, usize)>,
}

impl Truth {
    /// Compares again if the last comparison is long enough ago. With real accounts it does
    /// nothing.
    ///
    /// The payments of a Stripe account are compared by their sums: one by one, an account of
    /// 200,000 charges would take seconds.
    pub(super) async fn refresh(&mut self, tour: &Tour) -> Result<(), TourError> {
        let Some(vendors) =
            tour.vendors.as_ref().filter(|_| self.due.is_none_or(|due| due <= Instant::now()))
        else {
            return Ok(());
        };
        let begun = Instant::now();
        (self.lines, self.behind) = (Vec::new(), Vec::new());
        let payments = payments(tour).await?;
        let (books, compared) = (books::books(tour).await?, vendors.compare(&tour.sql()).await?);
        for connection in &tour.connections {
            let name = connection.name;
            let paid = payments.get(name).filter(|_| connection.source == "stripe");
            self.tell(
                name,
                paid.copied(),
                compared.iter().filter(|one| one.connection == name),
                books.iter().filter(|books| books.connection.name == name),
            );
        }
        self.due = Some(Instant::now() + COMPARE_EVERY.max(begun.elapsed() * PAUSES));
        Ok(())
    }

    fn tell<'a>(
        &mut self,
        connection: &'static str,
        payments: Option<usize>,
        compared: impl Iterator<Item = &'a Compared>,
        books: impl Iterator<Item = &'a Books>,
    ) {
        let mut words: Vec<String> =
            payments.iter().map(|count| counted(*count, ["payment", "payments"])).collect();
        let mut behind = 0;
        for one in compared {
            words.push(format!("{} {}", grouped(&one.there.to_string()), one.what));
            behind += one.different.len();
        }
        for books in books {
            words.push(counted(books.ours.len(), CURRENCY));
            behind += books.behind();
        }
        let verdict = if behind == 0 {
            "= there".to_owned()
        } else {
            self.behind.push((connection, behind));
            format!("{} behind", grouped(&behind.to_string()))
        };
        self.lines.push(format!("{connection:<14} {:<45} {verdict}", words.join(", ")));
    }

    /// Returns a line for each connection.
    pub(super) fn lines(&self) -> &[String] {
        &self.lines
    }

    /// Returns the result in a few words, for output that is not a terminal.
    pub(super) fn short(&self) -> String {
        let words = |(connection, behind): &(&str, usize)| format!("{connection} {behind}");
        match (self.lines.is_empty(), self.behind.is_empty()) {
            (true, _) => String::new(),
            (_, true) => "; all as the vendors have it".to_owned(),
            (_, false) => {
                let behind: Vec<String> = self.behind.iter().map(words).collect();
                format!("; behind the vendors: {}", behind.join(", "))
            }
        }
    }
}

#[cfg(test)]
impl Truth {
    /// Returns the result of a comparison in which each of these has what its vendor has.
    pub(super) fn of(connections: &[&'static str]) -> Self {
        let mut truth = Self::default();
        for connection in connections {
            truth.tell(connection, Some(1), [].iter(), [].iter());
        }
        truth
    }
}

/// Counts the payments of each connection.
async fn payments(tour: &Tour) -> Result<BTreeMap<String, usize>, TourError> {
    let sql = "select source, count(*) from payments group by source";
    let rows = tour.sql().query(sql, &[]).await.map_err(StackError::from)?;
    let count = |count: i64| usize::try_from(count).unwrap_or_default();
    Ok(rows.iter().map(|row| (row.get(0), count(row.get(1)))).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_connection_has_a_line_and_those_behind_are_named() {
        let mut truth = Truth::default();
        assert_eq!(truth.short(), "");
        truth.tell("stripe-eu", Some(6_123), [].iter(), [].iter());
        assert_eq!(truth.short(), "; all as the vendors have it");
        let events = Compared {
            connection: "team-calendar",
            what: "calendar events",
            there: 250,
            different: vec!["a".to_owned(), "b".to_owned()],
        };
        truth.tell("team-calendar", None, [events].iter(), [].iter());
        let [account, calendar] = truth.lines() else { panic!("{truth:?}") };
        assert!(
            account.starts_with("stripe-eu      6,123 payments  ") && account.ends_with("= there")
        );
        assert!(calendar.starts_with("team-calendar  250 calendar events  "), "{calendar}");
        assert!(calendar.ends_with(" 2 behind"), "{calendar}");
        assert_eq!(truth.short(), "; behind the vendors: team-calendar 2");
    }
}
