//! Google Calendar: every event of a calendar.

use std::collections::BTreeMap;

use penstock_testkit::TestDatabase;

use super::assert_same;
use crate::simulators::gcal::{CALENDAR_ID, GoogleCalendarSimulator, TruthRow, events};

/// What stands here is the calendar's truth, event by event: what is there is as it is there, and what is not there is
/// deleted, or was never known.
///
/// # Panics
/// Where that is not so.
pub async fn assert_true(db: &TestDatabase, google: &GoogleCalendarSimulator) {
    let there = |mut rows: BTreeMap<String, TruthRow>| {
        rows.retain(|_, row| row.1.is_some());
        rows
    };
    let ours = events(&db.client().await, CALENDAR_ID).await.expect("the events");
    let truth = google
        .with(|calendar| calendar.truth())
        .into_iter()
        .map(|row| (row.0.clone(), row))
        .collect();
    assert_same("calendar", &there(ours), &there(truth));
}
