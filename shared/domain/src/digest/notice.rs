//! Word of issues that began, and of those that ended.

use jiff::Timestamp;

use super::document::{Content, Document, Section};
use super::issues::Known;
use super::spans::{last, minute};

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
