//! Finds out each minute what began to fail, and what is well again.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::clock::{Clock, earlier, elapsed, later};
use penstock_domain::digest::{Document, Issue, Known, failures, local_day, recoveries, step};
use penstock_store::dead_letters::lately;
use penstock_store::digests::issues::{self, LastCheck};
use penstock_store::digests::{self, Kind, Planned};
use penstock_store::sync_state::pauses;
use penstock_store::{StoreError, Transaction, begin, circuits, commit, freshness, outbox};

use crate::away::{DATABASE, LONGEST_GAP, NO_DATABASE, SHORTEST_GAP};
use crate::{DigestError, PATIENCE, Ports};

/// Rows that wait for so long are an issue.
const WAITING: Duration = Duration::from_secs(600);

/// Dead letters are an issue for so long after the last one.
const DEAD: Duration = Duration::from_secs(3600);

/// A vendor that has not answered for so long is an issue: before, its circuit may close at once.
const SILENT: Duration = Duration::from_secs(120);

/// So long after an outage of the database, what waits and what is late is its consequence.
const SETTLING: Duration = Duration::from_secs(600);

impl<C: Clock> Ports<C> {
    /// Compares what is wrong now with what was told, and plans word of the difference. Returns the
    /// number of messages.
    pub(crate) async fn check(&self) -> Result<usize, DigestError> {
        let now = self.clock.now();
        let check = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            let planned = self.check_in(&tx, now).await?;
            commit(tx).await?;
            Ok::<_, DigestError>(planned)
        };
        let planned = self.database.within(PATIENCE, check).await?;
        self.away.is_over();
        Ok(planned + self.catch_up().await?)
    }

    async fn check_in(&self, tx: &Transaction<'_>, now: Timestamp) -> Result<usize, DigestError> {
        let last = issues::last_check(tx).await?;
        let known = issues::list(tx).await?;
        let outage = self.outage(last, &known, now);
        let settles_until = match &outage {
            Some(_) => Some(later(now, SETTLING)),
            None => last.settles_until.filter(|until| *until > now),
        };
        issues::note_check(tx, settles_until, now).await?;
        let mut planned = 0;
        if let Some(outage) = outage {
            issues::note(tx, std::slice::from_ref(&outage)).await?;
            if outage.is_told {
                let told = recoveries(&self.settings.stack, &[outage], now);
                planned += self.plan_notice(tx, Kind::Recovery, &told, now).await?;
            }
        }
        if settles_until.is_some() {
            return Ok(planned);
        }
        let known: Vec<Known> = known.into_iter().filter(|it| it.key != DATABASE).collect();
        let difference = step(&known, &self.seen(tx, now).await?, now);
        issues::note(tx, &difference.changed).await?;
        if !difference.failed.is_empty() {
            let told = failures(&self.settings.stack, &difference.failed, now);
            planned += self.plan_notice(tx, Kind::Failure, &told, now).await?;
        }
        if !difference.recovered.is_empty() {
            let told = recoveries(&self.settings.stack, &difference.recovered, now);
            planned += self.plan_notice(tx, Kind::Recovery, &told, now).await?;
        }
        Ok(planned)
    }

    async fn plan_notice(
        &self,
        tx: &Transaction<'_>,
        kind: Kind,
        document: &Document,
        now: Timestamp,
    ) -> Result<usize, DigestError> {
        let message = serde_json::to_string(&document.message())?;
        let (zone, channels) = (&self.settings.zone, self.names());
        let planned = Planned {
            kind,
            day: local_day(zone, now),
            zone: zone.name(),
            message: &message,
            channels: &channels,
        };
        Ok(usize::from(digests::plan(tx, planned, now).await?))
    }

    /// Returns the outage of the database that is over, if checks did not reach it before this one.
    fn outage(&self, last: LastCheck, known: &[Known], now: Timestamp) -> Option<Known> {
        let began_at = last.checked_at?;
        let gap = elapsed(began_at, now);
        // A rule that was off for days is no outage, unless this environment has seen one.
        let is_one = gap >= SHORTEST_GAP && gap <= LONGEST_GAP || self.away.was_told();
        if !is_one {
            return None;
        }
        let before = known.iter().find(|it| it.key == DATABASE);
        let mut outage = Known {
            key: DATABASE.to_owned(),
            what: NO_DATABASE.to_owned(),
            began_at,
            ended_at: Some(now),
            is_told: false,
            told_at: before.and_then(|it| it.told_at),
        };
        if outage.may_be_told(now) {
            (outage.is_told, outage.told_at) = (true, Some(now));
        }
        Some(outage)
    }

    /// Returns what is wrong now.
    async fn seen(&self, tx: &Transaction<'_>, now: Timestamp) -> Result<Vec<Issue>, StoreError> {
        let mut seen = self.of_connections(tx, now).await?;
        if let Some(oldest) = outbox::oldest_pending(tx).await?
            && elapsed(oldest, now) >= WAITING
        {
            seen.push(Issue {
                key: "waiting".to_owned(),
                what: "Rows wait, and are not processed.".to_owned(),
                since: oldest,
            });
        }
        for dead in lately::by_connection(tx, earlier(now, DEAD), now).await? {
            let of = if dead.source.is_empty() { "messages" } else { dead.source.as_str() };
            seen.push(Issue {
                key: format!("dead {of}"),
                what: format!("Rows of {of} become dead letters."),
                since: dead.since,
            });
        }
        Ok(seen)
    }

    /// Returns what is wrong with connections, one issue each: the vendor refuses, or is silent, or
    /// nothing was pulled for too long.
    async fn of_connections(
        &self,
        tx: &Transaction<'_>,
        now: Timestamp,
    ) -> Result<Vec<Issue>, StoreError> {
        let mut seen: Vec<Issue> = Vec::new();
        let mut add = |connection: &str, what: &str, since: Timestamp| {
            let key = format!("connection {connection}");
            if seen.iter().all(|issue| issue.key != key) {
                seen.push(Issue { key, what: format!("{connection}: {what}"), since });
            }
        };
        for (_, pause) in pauses::all(tx).await? {
            add(&pause.source, "the vendor refuses to answer.", pause.since);
        }
        for (connection, since) in circuits::since(tx).await? {
            if elapsed(since, now) >= SILENT {
                add(&connection, "the vendor does not answer.", since);
            }
        }
        for pull in freshness::pulls(tx, &self.settings.sources).await? {
            let lag = pull.lag(now);
            if lag > self.settings.freshness {
                add(&pull.connection, "nothing was pulled for too long.", earlier(now, lag));
            }
        }
        Ok(seen)
    }
}
