//! What our table says of a calendar, to be compared with its truth.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use tokio_postgres::{Client, Error, Row};

use super::state::TruthRow;

/// What is known here of each event of a calendar, by id; one that is deleted has no more than its id.
///
/// # Errors
/// Postgres' own.
pub async fn events(on: &Client, calendar: &str) -> Result<BTreeMap<String, TruthRow>, Error> {
    let sql = "select external_id, deleted_at is not null, status, summary, all_day, starts_at, ends_at, \
               start_date::text, end_date::text, recurring_event_id from calendar_events where calendar_id = $1";
    Ok(on.query(sql, &[&calendar]).await?.iter().map(event).collect())
}

fn event(row: &Row) -> (String, TruthRow) {
    let id: String = row.get(0);
    let (start, end): (Option<String>, Option<String>) = match row.get(4) {
        true => (row.get(7), row.get(8)),
        false => {
            let text = |i| row.get::<_, Option<Timestamp>>(i).map(|at| at.to_string());
            (text(5), text(6))
        }
    };
    let there = (!row.get::<_, bool>(1)).then(|| {
        (row.get(2), row.get(3), start.unwrap_or_default(), end.unwrap_or_default(), row.get(9))
    });
    (id.clone(), (id, there))
}

/// The ids of events that are not known here as they are there. What is not there any more may be deleted here, or may
/// never have been known.
#[must_use]
pub fn different(ours: &BTreeMap<String, TruthRow>, truth: &[TruthRow]) -> Vec<String> {
    let is_wrong =
        |row: &&TruthRow| ours.get(&row.0).map_or(row.1.is_some(), |known| known != *row);
    let there: BTreeSet<&str> = truth.iter().map(|row| row.0.as_str()).collect();
    let ghosts = ours.values().filter(|row| row.1.is_some() && !there.contains(row.0.as_str()));
    truth.iter().filter(is_wrong).chain(ghosts).map(|row| row.0.clone()).collect()
}
