//! Google Calendar: every event of a calendar.

use std::collections::BTreeMap;

use jiff::Timestamp;
use penstock_testkit::TestDatabase;

use super::assert_same;
use crate::gcal::{CALENDAR_ID, GoogleCalendarSimulator, TruthRow};

/// What is known here of each event; one that is deleted has no more than its id.
///
/// # Panics
/// Where Postgres gives none.
pub async fn rows(db: &TestDatabase) -> BTreeMap<String, TruthRow> {
    let sql = "select external_id, deleted_at is not null, status, summary, all_day, starts_at, ends_at, \
               start_date::text, end_date::text, recurring_event_id from calendar_events where calendar_id = $1";
    let mut rows = BTreeMap::new();
    for row in db.client().await.query(sql, &[&CALENDAR_ID]).await.expect("the events") {
        let id: String = row.get(0);
        let (start, end) = match row.get(4) {
            true => (row.get(7), row.get(8)),
            false => {
                let text = |i| row.get::<_, Option<Timestamp>>(i).map(|at| at.to_string());
                (text(5), text(6))
            }
        };
        let there = (!row.get::<_, bool>(1)).then(|| {
            let times: (Option<String>, Option<String>) = (start, end);
            (row.get(2), row.get(3), times.0.unwrap_or_default(), times.1.unwrap_or_default(), row.get(9))
        });
        rows.insert(id.clone(), (id, there));
    }
    rows
}

/// What stands here is the calendar's truth, event by event: what is there is as it is there, and what is not there is
/// deleted, or was never known.
///
/// # Panics
/// Where that is not so.
pub async fn assert_true(db: &TestDatabase, google: &GoogleCalendarSimulator) {
    let there = |rows: BTreeMap<String, TruthRow>| -> BTreeMap<String, TruthRow> {
        rows.into_iter().filter(|(_, row)| row.1.is_some()).collect()
    };
    let truth = google.with(|calendar| calendar.truth()).into_iter().map(|row| (row.0.clone(), row)).collect();
    assert_same("calendar", &there(rows(db).await), &there(truth));
}
