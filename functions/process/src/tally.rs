//! The outcome of an invocation's rows, and what is told of it: a line for each message, which is
//! of its sender's trace, and metrics by vendor.

use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::disposition::ReasonKind;
use penstock_domain::facts::Tie;
use penstock_domain::ids::OutboxId;
use penstock_edge::sqs::{BatchResponse, SqsEvent, SqsMessage};
use penstock_edge::telemetry::emf::MetricLine;
use penstock_edge::telemetry::metric::Metric;
use penstock_edge::telemetry::work::Work;

use crate::NAME;

/// The outcome of an invocation's rows.
#[derive(Debug, Default)]
pub(crate) struct Tally {
    pub processed: usize,
    pub dead: usize,
    /// Rows that are processed and are not the deployment's own.
    pub not_ours: usize,
    /// Rows that wait until it is known whose they are. `relay` sends their tickets again.
    pub waiting: HashSet<OutboxId>,
    /// Rows that another worker holds.
    pub left: HashSet<OutboxId>,
    pub ties: Vec<Tie>,
    /// The tickets, in the order of their messages.
    heard: Vec<Heard>,
    vendors: BTreeMap<&'static str, OfVendor>,
}

/// A ticket.
#[derive(Debug)]
struct Heard {
    message_id: String,
    /// The work of its message.
    work: Work,
    /// The rows that it names.
    ids: Vec<OutboxId>,
}

/// One row that needs no further ticket.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    /// From its arrival until now.
    pub lag: Duration,
    /// The attempts that it has taken, this one included.
    pub attempts: i32,
    pub is_dead: bool,
}

/// The outcome of the rows of one vendor.
#[derive(Debug, Default)]
struct OfVendor {
    processed: usize,
    dead: usize,
    lags: Vec<Duration>,
    attempts: Vec<i32>,
}

impl Tally {
    /// Notes which rows a message names.
    pub fn hear(&mut self, message: &SqsMessage, ids: &[OutboxId]) {
        let (message_id, work) = (message.message_id.clone(), message.work(NAME));
        self.heard.push(Heard { message_id, work, ids: ids.to_vec() });
    }

    /// Counts a row, once it is committed.
    pub fn count(&mut self, vendor: &'static str, done: Done) {
        let of = self.vendors.entry(vendor).or_default();
        of.lags.push(done.lag);
        of.attempts.push(done.attempts);
        if done.is_dead {
            self.count_dead(vendor, 1);
        } else {
            of.processed += 1;
            self.processed += 1;
        }
    }

    /// Counts rows that were given up.
    pub fn count_dead(&mut self, vendor: &'static str, rows: usize) {
        self.dead += rows;
        self.vendors.entry(vendor).or_default().dead += rows;
    }

    /// Logs that a row is given up, in the trace of the message that has named it. An alarm counts
    /// these lines.
    pub fn log_dead(&self, id: OutboxId, kind: ReasonKind) {
        let log = || tracing::warn!(event = "row_dead", outbox_id = %id, kind = kind.as_str());
        match self.heard.iter().find(|heard| heard.ids.contains(&id)) {
            Some(heard) => heard.work.clone().enter(log),
            None => log(),
        }
    }

    /// Tells how the invocation ended: of each message, and of each vendor's rows.
    pub fn tell(self, event: &SqsEvent, response: &BatchResponse, now: Timestamp, took: Duration) {
        let mut retried: HashSet<OutboxId> = HashSet::new();
        for message in &event.records {
            let heard = self.heard.iter().find(|it| it.message_id == message.message_id);
            let ids = heard.map(|heard| heard.ids.as_slice());
            let fails = response.fails(message);
            let outcome = match ids {
                None => "refused",
                Some(_) if fails => "again",
                Some(_) => "done",
            };
            let ids = ids.unwrap_or_default();
            if fails {
                retried.extend(ids.iter().copied());
            }
            let single = if let [id] = ids { Some(id.to_string()) } else { None };
            let rows = (ids.len(), single);
            message.work(NAME).enter(|| message.log_worked(outcome, rows, now, took));
        }
        for (vendor, of) in self.vendors {
            MetricLine::of_source(NAME, vendor, now)
                .with_some(Metric::RowsProcessed, of.processed)
                .with_some(Metric::RowsDead, of.dead)
                .with_all(Metric::Attempts, &of.attempts)
                .with_times(Metric::LagSeconds, &of.lags)
                .write();
        }
        MetricLine::of_function(NAME, now).with_some(Metric::RowsRetried, retried.len()).write();
    }
}
