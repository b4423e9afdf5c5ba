//! Reads all that the daily digest says, in one snapshot of the database.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use jiff::{Timestamp, ToSpan as _};
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::digest::{
    Daily, Dead, Fresh, Known, Runs, Undecided, Unmapped, Week, due_at, local_day, normalized,
};
use penstock_domain::revenue::{Calendar, DateRange};
use penstock_domain::transaction::State;
use penstock_store::dead_letters::lately::{self, SameWords};
use penstock_store::digests::issues;
use penstock_store::freshness::{self, Pull};
use penstock_store::revenue::{self, RevenueQuery};
use penstock_store::sync_runs::summary::{self, RunCounts};
use penstock_store::transactions::undecided;
use penstock_store::{Chosen, StoreError, Transaction, commit, snapshot};

use crate::{DigestError, PATIENCE, Ports, Settings, day_before};

/// A transaction that the third party has not decided for this long is told of.
const UNDECIDED: std::time::Duration = std::time::Duration::from_secs(3_600);

impl<C: Clock> Ports<C> {
    /// Composes the digest that was due at that time. Its revenue is of the business day before.
    pub(crate) async fn compose(&self, due: Timestamp) -> Result<Daily, DigestError> {
        let now = self.clock.now();
        let read = async {
            let mut connection = self.database.connection().await?;
            let tx = snapshot(&mut connection).await?;
            let digest = read(&tx, &self.settings, due, now).await?;
            commit(tx).await?;
            Ok::<_, StoreError>(digest)
        };
        Ok(self.database.within(PATIENCE, read).await?)
    }
}

async fn read(
    tx: &Transaction<'_>,
    settings: &Settings,
    due: Timestamp,
    now: Timestamp,
) -> Result<Daily, StoreError> {
    let Settings { zone, business_zone, freshness, .. } = settings;
    let since = due_at(zone, day_before(local_day(zone, due))).min(due);
    let revenue = read_revenue(tx, settings, due).await?;
    let pulls = freshness::pulls(tx, &settings.sources).await?;
    let runs = summary::between(tx, since, now).await?;
    let words = lately::by_words(tx, since, now).await?;
    let waiting = undecided::undecided(tx, &undecided_since(now)).await?;
    let unmapped = revenue::unmapped(tx, Chosen::default()).await?;
    let issues = issues::list(tx).await?;
    let has_more_dead = words.iter().map(|same| same.count).sum::<i64>() >= lately::MOST;
    let told = |issue: &Known| issue.ended_at.is_none_or(|ended_at| ended_at >= since);
    Ok(Daily {
        stack: settings.stack.clone(),
        zone: business_zone.name().to_owned(),
        since,
        as_of: now,
        revenue,
        pulls: fresh(&pulls, *freshness, now),
        runs: runs.into_iter().map(counts).collect(),
        dead: by_reason(words),
        has_more_dead,
        undecided: waiting.into_iter().map(|state| lasting(&state, now)).collect(),
        unmapped: unmapped.into_iter().map(status).collect(),
        issues: issues.into_iter().filter(told).collect(),
    })
}

/// Reads the eight business days up to the day before `due`, by the statements of
/// `/metrics/revenue`.
async fn read_revenue(
    tx: &Transaction<'_>,
    settings: &Settings,
    due: Timestamp,
) -> Result<Week, StoreError> {
    let zone = &settings.business_zone;
    let day = day_before(zone.date_at(due));
    let first = day.saturating_sub(7.days());
    // Eight days are a range.
    let Ok(range) = DateRange::new(first, day) else {
        return Ok(Week { day, days: BTreeMap::new() });
    };
    let calendar = Calendar::new(zone, range);
    let query = RevenueQuery {
        zone,
        calendar: &calendar,
        chosen: Chosen::default(),
        business_zone: zone.name(),
    };
    Ok(Week::of(&revenue::read(tx, &query).await?, day))
}

/// Returns the pulls, the one that has been silent for longest first.
fn fresh(pulls: &[Pull], freshness: std::time::Duration, now: Timestamp) -> Vec<Fresh> {
    let mut pulls: Vec<&Pull> = pulls.iter().collect();
    pulls.sort_by_key(|pull| (Reverse(pull.lag(now)), &pull.connection, &pull.entity));
    let fresh = |pull: &&Pull| Fresh {
        connection: pull.connection.clone(),
        entity: pull.entity.clone(),
        age: pull.last_success.map(|at| elapsed(at, now)),
        is_late: pull.lag(now) > freshness,
        is_paused: !pull.is_active,
    };
    pulls.iter().map(fresh).collect()
}

fn counts(counts: RunCounts) -> Runs {
    let RunCounts { source: connection, succeeded, failed, running, rows_new: rows } = counts;
    Runs { connection, succeeded, failed, running, rows }
}

/// Each state that a person should know of, and the instant before which its transactions came in.
/// One that waits for a person is told of at once.
fn undecided_since(now: Timestamp) -> [(State, Timestamp); 3] {
    let patient = now - UNDECIDED;
    [(State::NeedsReview, now), (State::Submitted, patient), (State::Pending, patient)]
}

fn lasting(of: &undecided::Undecided, now: Timestamp) -> Undecided {
    let has_more = of.count >= undecided::MOST;
    Undecided { state: of.state, count: of.count, has_more, age: elapsed(of.since, now) }
}

fn status(status: revenue::UnmappedStatus) -> Unmapped {
    Unmapped {
        connection: status.source,
        kind: status.kind,
        status: status.raw_status,
        count: status.count,
    }
}

/// Adds up the letters whose words differ in nothing but ids and values.
fn by_reason(words: Vec<SameWords>) -> Vec<Dead> {
    let mut counts: BTreeMap<(String, String, String), i64> = BTreeMap::new();
    for SameWords { source, entity, error, count } in words {
        *counts.entry((source, entity, normalized(&error))).or_default() += count;
    }
    let dead = |((connection, entity, reason), count)| Dead { connection, entity, reason, count };
    let mut dead: Vec<Dead> = counts.into_iter().map(dead).collect();
    dead.sort_by_key(|dead| Reverse(dead.count));
    dead
}
