//! The content of the daily digest.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;

use super::document::{Bar, Content, Document, Section};
use super::issues::Known;
use super::spans::{last, minute, span};
use crate::money::{Currency, exponent};
use crate::revenue::{Revenue, Sums};
use crate::transaction::State;

/// The most rows of a table. A person looks the rest up.
const MOST_ROWS: usize = 20;

/// The most currencies of which a digest tells; those with the largest sums come first.
const MOST_CURRENCIES: usize = 8;

/// Everything that the daily digest says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Daily {
    /// The name of the deployment.
    pub stack: String,
    /// The zone of the days of revenue.
    pub zone: String,
    /// The time from which on failures and runs are told.
    pub since: Timestamp,
    /// The time of all numbers.
    pub as_of: Timestamp,
    /// The revenue of the day and of the seven days before.
    pub revenue: Week,
    /// Each pull of what changes, the one that has been silent for longest first.
    pub pulls: Vec<Fresh>,
    /// The runs that began in the time.
    pub runs: Vec<Runs>,
    /// The dead letters of the time by reason, the most frequent first.
    pub dead: Vec<Dead>,
    /// Whether there are more dead letters than were read.
    pub has_more_dead: bool,
    /// The transactions that have no end yet.
    pub undecided: Vec<Undecided>,
    /// The statuses that no map knows.
    pub unmapped: Vec<Unmapped>,
    /// The issues that last, and those that ended in the time.
    pub issues: Vec<Known>,
}

/// The revenue of a day and of the seven days before it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Week {
    /// The last day.
    pub day: Date,
    /// The sums of each of the eight days by currency, the oldest first.
    pub days: BTreeMap<String, Vec<(Date, Sums)>>,
}

/// How long a pull has been silent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fresh {
    /// The name of the connection.
    pub connection: String,
    /// The kind of object that is pulled.
    pub entity: String,
    /// The time since its last success; `None` if it never succeeded.
    pub age: Option<Duration>,
    /// Whether it is later than the operator allows.
    pub is_late: bool,
    /// Whether a person has paused its connection.
    pub is_paused: bool,
}

/// The runs of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Runs {
    /// The name of the connection.
    pub connection: String,
    /// The number that succeeded.
    pub succeeded: i64,
    /// The number that failed.
    pub failed: i64,
    /// The number that are under way.
    pub running: i64,
    /// The number of rows that were new.
    pub rows: i64,
}

/// The dead letters with one reason.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Dead {
    /// The name of the connection; empty if a message named none.
    pub connection: String,
    /// The kind of object; empty if a message named none.
    pub entity: String,
    /// The reason without what differs from letter to letter.
    pub reason: String,
    /// The number of letters.
    pub count: i64,
}

/// The transactions of one state that has lasted for too long.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undecided {
    /// The state.
    pub state: State,
    /// Their number.
    pub count: i64,
    /// Whether there are more than were counted.
    pub has_more: bool,
    /// How long ago the oldest of them came in.
    pub age: Duration,
}

/// A status that no map knows.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Unmapped {
    /// The name of the connection.
    pub connection: String,
    /// The kind of payment.
    pub kind: String,
    /// The status in the vendor's words.
    pub status: String,
    /// The number of payments that have it.
    pub count: i64,
}

impl Week {
    /// Returns the days of `revenue`, whose last day is the day of the digest. A currency in which
    /// no money moved is left out.
    #[must_use]
    pub fn of(revenue: &Revenue, day: Date) -> Self {
        let moved = revenue.totals();
        let days = |currency: &String| {
            let of = revenue.daily().iter().map(|p| (p.date, p.in_currency(currency)));
            of.collect::<Vec<_>>()
        };
        let days = moved.keys().map(|currency| (currency.clone(), days(currency))).collect();
        Self { day, days }
    }
}

impl Daily {
    /// Returns the tasks that the digest has for a person.
    #[must_use]
    pub fn tasks(&self) -> Vec<String> {
        let lasting = self.issues.iter().filter(|issue| issue.ended_at.is_none()).count();
        let late = self.pulls.iter().filter(|pull| pull.is_late).count();
        let dead: i64 = self.dead.iter().map(|dead| dead.count).sum();
        let more = if self.has_more_dead { "more than " } else { "" };
        let undecided: i64 = self.undecided.iter().map(|state| state.count).sum();
        let at_least =
            if self.undecided.iter().any(|state| state.has_more) { "more than " } else { "" };
        let transactions = counted(undecided, "undecided transaction", "undecided transactions");
        let tasks = [
            (lasting, counted(lasting, "issue lasts", "issues last")),
            (late, counted(late, "pull is late", "pulls are late")),
            (self.dead.len(), format!("{more}{}", counted(dead, "dead letter", "dead letters"))),
            (self.undecided.len(), format!("{at_least}{transactions}")),
            (
                self.unmapped.len(),
                counted(self.unmapped.len(), "unmapped status", "unmapped statuses"),
            ),
        ];
        tasks.into_iter().filter(|(count, _)| *count > 0).map(|(_, task)| task).collect()
    }

    /// Returns the digest as a document.
    #[must_use]
    pub fn document(&self) -> Document {
        let tasks = self.tasks();
        let verdict = match tasks.is_empty() {
            true => "Nothing to do.".to_owned(),
            false => format!("To look at: {}.", tasks.join(", ")),
        };
        let short = if tasks.is_empty() { "nothing to do".to_owned() } else { tasks.join(", ") };
        let sections = [
            self.issues_section(),
            Some(self.revenue_section()),
            Some(self.freshness_section()),
            Some(self.runs_section()),
            self.dead_section(),
            self.undecided_section(),
            self.unmapped_section(),
        ];
        Document {
            title: format!("{}: {short} ({})", self.stack, self.revenue.day),
            verdict,
            sections: sections.into_iter().flatten().collect(),
            note: format!(
                "Penstock {}. Numbers are as of {}, runs and dead letters since {}. Days of revenue are of {}.",
                self.stack,
                minute(self.as_of),
                minute(self.since),
                self.zone
            ),
        }
    }

    fn issues_section(&self) -> Option<Section> {
        let row = |issue: &Known| {
            let ended = issue.ended_at.map_or_else(|| "lasts".to_owned(), minute);
            vec![issue.what.clone(), minute(issue.began_at), ended, last(issue, self.as_of)]
        };
        let rows = self.issues.iter().map(row).collect();
        table("Issues", vec!["issue", "began", "ended", "for"], rows)
    }

    fn revenue_section(&self) -> Section {
        let mut content = Vec::new();
        let mut currencies: Vec<_> = self.revenue.days.iter().collect();
        let size = |days: &[(Date, Sums)]| days.iter().map(|(_, s)| s.collected).max();
        currencies.sort_by_key(|(code, days)| (std::cmp::Reverse(size(days)), (*code).clone()));
        let rows = currencies.iter().take(MOST_CURRENCIES).flat_map(|(currency, days)| {
            let of = |at: Option<&(Date, Sums)>| at.map(|(_, sums)| *sums).unwrap_or_default();
            rows_of(currency, of(days.last()), of(days.first()))
        });
        let rows: Vec<_> = rows.collect();
        if rows.is_empty() {
            content.push(Content::Line("No money moved in these eight days.".to_owned()));
        } else {
            let head = vec!["currency", "", "day", "a week before", "change"];
            content.push(Content::Table { head, rows });
        }
        for (currency, days) in currencies.iter().take(MOST_CURRENCIES) {
            let nets: Vec<_> = days.iter().map(|(d, s)| (d.to_string(), s.net())).collect();
            let bars = Bar::all(&nets, |net| amount(net, currency));
            content.push(Content::Bars { label: format!("{currency} net by day"), bars });
        }
        let left = currencies.len().saturating_sub(MOST_CURRENCIES);
        if left > 0 {
            content.push(Content::Line(format!("{left} more currencies are not shown.")));
        }
        Section { heading: format!("Revenue of {}", self.revenue.day), content }
    }

    fn freshness_section(&self) -> Section {
        let row = |pull: &Fresh| {
            let age = pull.age.map_or_else(|| "never".to_owned(), span);
            let state = match (pull.is_paused, pull.is_late) {
                (true, _) => "paused",
                (false, true) => "late",
                (false, false) => "fresh",
            };
            vec![pull.connection.clone(), pull.entity.clone(), age, state.to_owned()]
        };
        let rows = self.pulls.iter().map(row).collect();
        table("Freshness", vec!["connection", "object", "last success", ""], rows)
            .unwrap_or_else(|| nothing("Freshness", "No connection is pulled."))
    }

    fn runs_section(&self) -> Section {
        let row = |runs: &Runs| {
            let numbers = [runs.succeeded, runs.failed, runs.running, runs.rows];
            let numbers = numbers.into_iter().map(|number| number.to_string());
            std::iter::once(runs.connection.clone()).chain(numbers).collect()
        };
        let rows = self.runs.iter().map(row).collect();
        let head = vec!["connection", "succeeded", "failed", "under way", "new rows"];
        table("Runs", head, rows).unwrap_or_else(|| nothing("Runs", "No run began."))
    }

    fn dead_section(&self) -> Option<Section> {
        let row = |dead: &Dead| {
            let named = [&dead.connection, &dead.entity, &dead.reason].map(Clone::clone);
            std::iter::once(dead.count.to_string()).chain(named).collect()
        };
        let rows = self.dead.iter().map(row).collect();
        table("Dead letters by reason", vec!["count", "connection", "object", "reason"], rows)
    }

    fn undecided_section(&self) -> Option<Section> {
        let row = |of: &Undecided| {
            let more = if of.has_more { "more than " } else { "" };
            vec![of.state.as_str().to_owned(), format!("{more}{}", of.count), span(of.age)]
        };
        let rows = self.undecided.iter().map(row).collect();
        table("Undecided transactions", vec!["status", "count", "oldest"], rows)
    }

    fn unmapped_section(&self) -> Option<Section> {
        let row = |status: &Unmapped| {
            let named = [&status.connection, &status.kind, &status.status].map(Clone::clone);
            named.into_iter().chain([status.count.to_string()]).collect()
        };
        let rows = self.unmapped.iter().map(row).collect();
        table("Unmapped statuses", vec!["connection", "kind", "status", "payments"], rows)
    }
}

/// Returns the rows of a currency: gross, and what else is not zero.
fn rows_of(currency: &str, day: Sums, before: Sums) -> Vec<Vec<String>> {
    let kinds = [
        ("gross", day.collected, before.collected),
        ("refunds", day.refunded, before.refunded),
        ("disputes", day.disputed, before.disputed),
        ("net", day.net(), before.net()),
    ];
    let row = |(name, now, then): (&str, i128, i128)| {
        let is_shown = name == "gross" || name == "net" || now != 0 || then != 0;
        let cells = [currency, name].map(str::to_owned).into_iter().chain([
            amount(now, currency),
            amount(then, currency),
            change(now, then),
        ]);
        is_shown.then(|| cells.collect())
    };
    kinds.into_iter().filter_map(row).collect()
}

/// Returns the change in whole percent, without fractions of numbers.
fn change(now: i128, then: i128) -> String {
    match (now, then) {
        (now, then) if now == then => "=".to_owned(),
        (_, 0) => "new".to_owned(),
        (now, then) => match (now - then).checked_mul(100) {
            Some(hundredfold) => format!("{:+} %", hundredfold / then.abs()),
            None => "much".to_owned(),
        },
    }
}

/// Writes minor units as an amount with the decimals of its currency.
fn amount(minor: i128, currency: &str) -> String {
    let decimals = currency.parse::<Currency>().map_or(0, exponent) as usize;
    let digits = minor.unsigned_abs().to_string();
    let digits = format!("{digits:0>width$}", width = decimals + 1);
    let (whole, fraction) = digits.split_at(digits.len() - decimals);
    let mut grouped = String::new();
    for (place, digit) in whole.chars().enumerate() {
        if place > 0 && (whole.len() - place).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    let sign = if minor < 0 { "-" } else { "" };
    let point = if decimals == 0 { "" } else { "." };
    format!("{sign}{grouped}{point}{fraction}")
}

/// Returns the section of a table; `None` if it has no row.
fn table(heading: &str, head: Vec<&'static str>, mut rows: Vec<Vec<String>>) -> Option<Section> {
    if rows.is_empty() {
        return None;
    }
    let left = rows.len().saturating_sub(MOST_ROWS);
    rows.truncate(MOST_ROWS);
    let mut content = vec![Content::Table { head, rows }];
    if left > 0 {
        content.push(Content::Line(format!("{left} more are not shown.")));
    }
    Some(Section { heading: heading.to_owned(), content })
}

fn nothing(heading: &str, why: &str) -> Section {
    Section { heading: heading.to_owned(), content: vec![Content::Line(why.to_owned())] }
}

fn counted<N: PartialEq + From<u8> + std::fmt::Display>(count: N, one: &str, more: &str) -> String {
    let what = if count == N::from(1) { one } else { more };
    format!("{count} {what}")
}
