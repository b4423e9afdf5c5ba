//! `/console/queues`: what is pending by age and source, the depth of each queue of SQS, and the
//! next turn of `relay`.

use std::time::Duration;

use askama::Template;
use jiff::Timestamp;
use penstock_clients::depths::Depth;
use penstock_domain::clock::earlier;
use penstock_edge::http::{Call, Failure, Reply, StatusCode};
use penstock_edge::telemetry::chain;
use penstock_store::console::MOST_COUNTED;
use penstock_store::console::queues::{self, Due, OfAge};
use tokio::time::timeout;

use crate::Ports;
use crate::filters::{self, Markup};
use crate::page::{self, Area, Shell};
use crate::panel::{PATIENCE, Panels, Part};
use crate::visitor::Visitor;

/// The bounds of the ages, in seconds, and their names.
const AGES: [(u64, &str); 4] =
    [(60, "under 1 min"), (600, "1 to 10 min"), (3_600, "10 min to 1 h"), (86_400, "1 h to 1 day")];

/// The name of what is older than all bounds.
const OLDEST: &str = "over 1 day";

#[derive(Template)]
#[template(path = "reading/queues.html")]
struct Queues {
    shell: Shell,
    ages: Vec<&'static str>,
    pending: Part<Pending>,
    due: Part<Vec<DueRow>>,
    depths: Part<Vec<DepthRow>>,
    is_one: bool,
}

struct Pending {
    rows: Vec<PendingRow>,
    total: Markup,
}

struct PendingRow {
    name: Markup,
    /// The count of each age, and of all.
    counts: Vec<Markup>,
    total: Markup,
}

struct DueRow {
    name: &'static str,
    what: &'static str,
    due: Markup,
    later: Markup,
    next_at: Markup,
}

struct DepthRow {
    name: &'static str,
    is_of_dead_letters: bool,
    is_bad: bool,
    waiting: Markup,
    in_flight: Markup,
}

/// `GET /console/queues`
pub(crate) async fn page(ports: &Ports, mut call: Call<'_, Visitor>) -> Result<Reply, Failure> {
    std::mem::take(&mut call.query).finish_knowing()?;
    let now = call.now;
    let bounds = AGES.map(|(seconds, _)| earlier(now, Duration::from_secs(seconds)));
    let mut panels = Panels::of(&ports.database);
    let pending = panels.read("pending", async |on| queues::by_age(on, &bounds).await).await;
    let due = panels.read("due", async |on| queues::due(on, now).await).await;
    let is_one = panels.end().await;
    let zone = &call.caller.zone;
    let page = Queues {
        ages: AGES.iter().map(|(_, name)| *name).chain([OLDEST]).collect(),
        pending: pending.map(|rows| Pending::of(&rows)),
        due: due.map(|rows| rows.iter().map(|row| DueRow::of(row, now, zone)).collect()),
        depths: depths(ports).await,
        is_one,
        shell: Shell::of(&call, Area::Queues, "Queues"),
    };
    page::html(StatusCode::OK, &page)
}

/// Counts the messages of each queue, no longer than any other part is waited for.
async fn depths(ports: &Ports) -> Part<Vec<DepthRow>> {
    match timeout(PATIENCE, ports.depths.read()).await {
        Ok(Ok(depths)) => Part::Read(depths.iter().enumerate().map(DepthRow::of).collect()),
        Ok(Err(error)) => {
            tracing::warn!(event = "queues_not_counted", error = chain(&error));
            Part::Failed
        }
        Err(_) => Part::Slow,
    }
}

impl Pending {
    fn of(rows: &[OfAge]) -> Self {
        let sum = |rows: &[&OfAge]| rows.iter().map(|of| of.count).sum::<i64>();
        let total = sum(&rows.iter().collect::<Vec<_>>());
        let is_capped = total >= MOST_COUNTED;
        let of_one = rows.chunk_by(|a, b| a.source == b.source);
        let row = |rows: &[OfAge]| {
            let of_age = |age: usize| {
                let age = i64::try_from(age).unwrap_or(i64::MAX);
                let rows: Vec<&OfAge> = rows.iter().filter(|of| of.older_than == age).collect();
                filters::number(sum(&rows), "")
            };
            let all = sum(&rows.iter().collect::<Vec<_>>());
            PendingRow {
                name: rows.first().map(|of| filters::text(&of.source)).unwrap_or_default(),
                counts: (0..=AGES.len()).map(of_age).collect(),
                total: filters::at_least(all, is_capped, ""),
            }
        };
        Self {
            rows: of_one.map(row).collect(),
            total: filters::at_least(total, is_capped, "/admin/metrics#/pending"),
        }
    }
}

impl DueRow {
    fn of(due: &Due, now: Timestamp, zone: &penstock_domain::revenue::Zone) -> Self {
        let (name, what) = match due.kind.as_str() {
            "outbox" => ("Rows of the outbox", "sends their ticket again"),
            "transactions" => ("Transactions", "sends their message again"),
            "notifications" => ("Messages to clients", "sends their message again"),
            "jobs" => ("Jobs at work", "works their next items"),
            _ => ("Objects to be read again", "asks for them again"),
        };
        let count = |value| filters::at_least(value, value >= MOST_COUNTED, "");
        let next_at = due.next_at.filter(|at| *at > now);
        Self {
            name,
            what,
            due: count(due.due),
            later: count(due.later),
            next_at: filters::maybe_time(next_at, zone),
        }
    }
}

impl DepthRow {
    fn of((at, depth): (usize, &Depth)) -> Self {
        let number = |value: u64, name: &str| {
            let value = i64::try_from(value).unwrap_or(i64::MAX);
            filters::number(value, &format!("/admin/metrics#/queues/{at}/{name}"))
        };
        Self {
            name: depth.queue,
            is_of_dead_letters: depth.is_of_dead_letters(),
            is_bad: depth.is_of_dead_letters() && depth.waiting > 0,
            waiting: number(depth.waiting, "waiting"),
            in_flight: number(depth.in_flight, "inFlight"),
        }
    }
}
