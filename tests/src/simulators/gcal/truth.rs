//! The rows that the tables must hold for a calendar.

use super::state::{Calendar, Event, When};

/// An event: its id and, unless it is cancelled, its status, summary, start, end and series.
pub type TruthRow = (String, Option<(String, Option<String>, String, String, Option<String>)>);

impl Calendar {
    /// Returns every event as it is now, tombstones included.
    #[must_use]
    pub fn truth(&self) -> Vec<TruthRow> {
        let text = |when: &When| match when {
            When::Timed(start, end) => (start.to_string(), end.to_string()),
            When::Days(start, end) => (start.to_string(), end.to_string()),
        };
        let row = |(id, event): (&String, &Event)| {
            let (start, end) = text(&event.when);
            let series = event.series.as_ref().map(|(series, _)| series.clone());
            let there = event.status != "cancelled";
            (
                id.clone(),
                there.then(|| (event.status.to_owned(), event.summary.clone(), start, end, series)),
            )
        };
        self.events.iter().map(row).collect()
    }
}
