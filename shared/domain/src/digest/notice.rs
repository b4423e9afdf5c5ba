//! Word of issues that began, and of those that ended.

use std::time::Duration;

use jiff::Timestamp;

use super::daily::minute;
use super::document::{Content, Document, Section};
use super::issues::Known;
use crate::clock::elapsed;

/// Returns the document that tells of issues that began.
#[must_use]
pub fn failures(stack: &str, issues: &[Known], now: Timestamp) -> Document {
    let row = |issue: &Known| vec![issue.what.clone(), minute(issue.began_at)];
    let table =
        Content::Table { head: vec!["issue", "since"], rows: issues.iter().map(row).collect() };
    Document {
        title: format!("{stack}: FAILING: {}", named(issues)),
        verdict: match issues.len() {
            1 => "An issue began.".to_owned(),
            count => format!("{count} issues began."),
        },
        sections: vec![Section { heading: "Issues".to_owned(), content: vec![table] }],
        note: format!(
            "Penstock {stack}, {}. Its end is told too. While it lasts, only the daily digest repeats it.",
            minute(now)
        ),
    }
}

/// Returns the document that tells of issues that ended.
#[must_use]
pub fn recoveries(stack: &str, issues: &[Known], now: Timestamp) -> Document {
    let row = |issue: &Known| vec![issue.what.clone(), minute(issue.began_at), last(issue, now)];
    let table = Content::Table {
        head: vec!["issue", "began", "lasted"],
        rows: issues.iter().map(row).collect(),
    };
    let lasted: Vec<String> = issues.iter().map(|issue| last(issue, now)).collect();
    Document {
        title: format!("{stack}: recovered: {}", named(issues)),
        verdict: match lasted.as_slice() {
            [one] => format!("An issue ended after {one}."),
            all => format!("{} issues ended.", all.len()),
        },
        sections: vec![Section { heading: "Issues".to_owned(), content: vec![table] }],
        note: format!("Penstock {stack}, {}.", minute(now)),
    }
}

/// Returns the first issue in words, and how many more there are.
fn named(issues: &[Known]) -> String {
    let first = issues.first().map(|issue| issue.what.trim_end_matches('.')).unwrap_or_default();
    match issues.len() {
        0 | 1 => first.to_owned(),
        count => format!("{first}, and {} more", count - 1),
    }
}

/// Returns how long an issue lasted, or has lasted at `now`.
pub(super) fn last(issue: &Known, now: Timestamp) -> String {
    span(elapsed(issue.began_at, issue.ended_at.unwrap_or(now)))
}

/// Writes a time in its two largest units.
pub(super) fn span(time: Duration) -> String {
    let minutes = time.as_secs() / 60;
    let (days, hours) = (minutes / 1440, minutes / 60 % 24);
    match (days, hours, minutes % 60) {
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, 0) => format!("{hours} h"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, 0, _) => format!("{days} d"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}
