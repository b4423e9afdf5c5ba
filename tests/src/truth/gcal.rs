//! Google Calendar: every event of a calendar.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use penstock_testkit::TestDatabase;
use tokio_postgres::{Client, Error, Row};

use super::assert_same;
use crate::simulators::gcal::{CALENDAR_ID, GoogleCalendarSimulator, TruthRow};

/// Reads the events of a calendar that a connection has brought, by id. A deleted event has only
/// its id.
///
/// # Errors
///
/// Postgres refuses the query or cannot be reached.
pub async fn events_of(
    on: &Client,
    connection: &str,
    calendar: &str,
) -> Result<BTreeMap<String, TruthRow>, Error> {
    let sql = "select external_id, deleted_at is not null, status, summary, all_day, starts_at, ends_at, \
               start_date::text, end_date::text, recurring_event_id \
               from calendar_events where source = $1 and calendar_id = $2";
    Ok(on.query(sql, &[&connection, &calendar]).await?.iter().map(event).collect())
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

/// Returns the ids of events that differ. An event that Google has forgotten may be deleted here,
/// or may never have come.
#[must_use]
pub fn different(ours: &BTreeMap<String, TruthRow>, truth: &[TruthRow]) -> Vec<String> {
    let is_wrong =
        |row: &&TruthRow| ours.get(&row.0).map_or(row.1.is_some(), |known| known != *row);
    let there: BTreeSet<&str> = truth.iter().map(|row| row.0.as_str()).collect();
    let ghosts = ours.values().filter(|row| row.1.is_some() && !there.contains(row.0.as_str()));
    truth.iter().filter(is_wrong).chain(ghosts).map(|row| row.0.clone()).collect()
}

/// Asserts that our live events are the calendar's, field by field.
///
/// # Panics
/// An event is wrong, missing, or not in the calendar.
pub async fn assert_true(db: &TestDatabase, google: &GoogleCalendarSimulator) {
    assert_true_of(db, "gcal", google).await;
}

/// As [`assert_true`], of the connection of that name.
///
/// # Panics
/// As [`assert_true`].
pub async fn assert_true_of(db: &TestDatabase, connection: &str, google: &GoogleCalendarSimulator) {
    let there = |mut rows: BTreeMap<String, TruthRow>| {
        rows.retain(|_, row| row.1.is_some());
        rows
    };
    let client = db.client().await;
    let ours = events_of(&client, connection, CALENDAR_ID).await.expect("the events");
    let truth = google
        .with(|calendar| calendar.truth())
        .into_iter()
        .map(|row| (row.0.clone(), row))
        .collect();
    assert_same(connection, &there(ours), &there(truth));
}
