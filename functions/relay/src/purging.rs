//! The deletion of rows that are older than their retention.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::config::{ConfigError, Env};
use penstock_domain::intake::{EVENTS, LEADS};
use penstock_domain::retention::Retention as OutboxRetention;
use penstock_domain::source::SOURCES;
use penstock_edge::telemetry::chain;
use penstock_store::archive::kept::{Archived, Limits};
use penstock_store::jobs::PLAN_LASTS;
use penstock_store::retention::{self, Aged};
use penstock_store::{Database, StoreError, intake, not_ours, outbox, refetch};

use crate::leaves::Retired;
use crate::{PATIENCE, Ports, ROWS};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long jobs are kept, with their items.
const JOBS: Duration = Duration::from_secs(30 * 24 * 60 * 60);

/// How long rows are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Retention {
    /// Processed rows of the outbox. No run may outlive them.
    pub outbox: OutboxRetention,
    /// Dead letters, with their dead rows.
    pub dead_letters: Duration,
    /// Runs, requests for runs, reconciliations.
    pub runs: Duration,
    /// Leads; `None` is for ever.
    pub leads: Option<Duration>,
    /// Product events; `None` is for ever.
    pub events: Option<Duration>,
    /// Transactions that have ended; `None` is for ever.
    pub transactions: Option<Duration>,
    /// The audit log.
    pub audit: Duration,
    /// The bucket that rows are copied into for analysts. They are kept until they are in it.
    pub bucket: Option<String>,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            outbox: OutboxRetention::default(),
            dead_letters: 400 * DAY,
            runs: 400 * DAY,
            leads: None,
            events: None,
            transactions: None,
            audit: 400 * DAY,
            bucket: None,
        }
    }
}

impl Retention {
    /// Reads `OUTBOX_RETENTION_DAYS`, `OUTBOX_RETENTION_BY_SOURCE`, `DEAD_LETTER_RETENTION_DAYS`,
    /// `RUN_RETENTION_DAYS`, `AUDIT_RETENTION_DAYS`, `LEAD_RETENTION_DAYS`, `EVENT_RETENTION_DAYS`
    /// and `TRANSACTION_RETENTION_DAYS`. Of the last three 0 is for ever. With `ARCHIVE_BUCKET`
    /// rows are copied.
    ///
    /// # Errors
    /// [`ConfigError`] if one of them is no number of days, or fewer than there may be.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let defaults = Self::default();
        let days = |name: &str| env.parsed_or::<u32>(name, 0);
        let at_least_one = |name: &str, default: Duration| match env.optional(name) {
            None => Ok(default),
            Some(_) => match days(name)? {
                0 => Err(ConfigError::Invalid {
                    name: name.to_owned(),
                    reason: "at least one day".to_owned(),
                }),
                days => Ok(days * DAY),
            },
        };
        let or_ever = |name: &str| Ok(Some(days(name)?).filter(|days| *days > 0).map(|d| d * DAY));
        Ok(Self {
            outbox: OutboxRetention::from_env(env)?,
            dead_letters: at_least_one("DEAD_LETTER_RETENTION_DAYS", defaults.dead_letters)?,
            runs: at_least_one("RUN_RETENTION_DAYS", defaults.runs)?,
            leads: or_ever("LEAD_RETENTION_DAYS")?,
            events: or_ever("EVENT_RETENTION_DAYS")?,
            transactions: or_ever("TRANSACTION_RETENTION_DAYS")?,
            audit: at_least_one("AUDIT_RETENTION_DAYS", defaults.audit)?,
            bucket: env.optional("ARCHIVE_BUCKET"),
        })
    }
}

/// The outcome of a purge.
#[derive(Debug, Default)]
pub(crate) struct Purged {
    /// The number of rows that were deleted, of all tables.
    pub rows: u64,
    /// Tables whose statement failed, or took too long.
    pub failed: Vec<&'static str>,
}

/// Rows that one statement deletes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Of leaves that have rows which are needed.
    Outbox,
    /// Of a source that is kept for less long than others.
    OutboxOf(&'static str),
    NotOurs,
    EndedRefetches,
    IdempotencyKeys,
    Aged(Aged),
}

impl Kind {
    /// Returns the name of the table.
    fn table(self) -> &'static str {
        match self {
            Self::Outbox | Self::OutboxOf(_) => "outbox",
            Self::NotOurs => "not_ours",
            Self::EndedRefetches => "refetch_requests",
            Self::IdempotencyKeys => "idempotency_keys",
            Self::Aged(aged) => aged.table(),
        }
    }

    async fn purge(
        self,
        database: &Database,
        before: Timestamp,
        archived: &Archived,
    ) -> Result<u64, StoreError> {
        let connection = database.connection().await?;
        let (on, outbox_to) = (&**connection, archived.to("outbox"));
        match self {
            Self::Outbox => outbox::purge(on, before, outbox_to, ROWS).await,
            Self::OutboxOf(source) => {
                outbox::purge_source(on, source, before, outbox_to, ROWS).await
            }
            Self::NotOurs => not_ours::purge(on, before, ROWS).await,
            Self::EndedRefetches => refetch::ended::purge(on, before, ROWS).await,
            Self::IdempotencyKeys => intake::purge_keys(on, before, ROWS).await,
            Self::Aged(aged) => retention::purge(on, aged, before, ROWS, archived).await,
        }
    }
}

impl Retention {
    /// Returns what is deleted, each kind with the time before which its rows are too old.
    fn kinds(&self, now: Timestamp) -> Vec<(Kind, Timestamp)> {
        let kinds = [
            (Kind::EndedRefetches, Some(self.outbox.keeps_others())),
            (Kind::IdempotencyKeys, Some(Duration::ZERO)),
            (Kind::Aged(Aged::DeadLetters), Some(self.dead_letters)),
            (Kind::Aged(Aged::FailedAttempts), Some(self.dead_letters)),
            (Kind::Aged(Aged::Jobs), Some(JOBS)),
            (Kind::Aged(Aged::PlannedJobs), Some(PLAN_LASTS)),
            (Kind::Aged(Aged::Runs), Some(self.runs)),
            (Kind::Aged(Aged::RunRequests), Some(self.runs)),
            (Kind::Aged(Aged::Reconciliations), Some(self.runs)),
            (Kind::Aged(Aged::Leads), self.leads),
            (Kind::Aged(Aged::Events), self.events),
            (Kind::Aged(Aged::ConflictingEvents), self.events),
            (Kind::Aged(Aged::Transactions), self.transactions),
            (Kind::Aged(Aged::Sessions), Some(Duration::ZERO)),
            (Kind::Aged(Aged::AccountLinks), Some(DAY)),
            (Kind::Aged(Aged::SignInLimits), Some(DAY)),
            (Kind::Aged(Aged::ResetRequests), Some(DAY)),
            (Kind::Aged(Aged::AuditLog), Some(self.audit)),
        ];
        let kept = |(kind, kept_for): (Kind, Option<Duration>)| Some((kind, now - kept_for?));
        let mut all: Vec<_> = kinds.into_iter().filter_map(kept).collect();
        // Whole days, as the leaves are: else rows would go one by one on the day on which their
        // leaf goes.
        let (longest, days) = (self.outbox.longest(), |kept: Duration| day_of(now - kept));
        all.extend([(Kind::Outbox, days(longest)), (Kind::NotOurs, days(longest))]);
        let sources = SOURCES.iter().map(|source| source.name()).chain([EVENTS, LEADS]);
        let sooner = sources.map(|source| (source, self.outbox.keeps(source)));
        let sooner = sooner.filter(|(_, kept)| *kept < longest);
        all.extend(sooner.map(|(source, kept)| (Kind::OutboxOf(source), days(kept))));
        all
    }
}

/// Returns the beginning of the day, in UTC.
fn day_of(at: Timestamp) -> Timestamp {
    at - Duration::from_secs(at.as_second().rem_euclid(86_400).unsigned_abs())
        - Duration::from_nanos(at.subsec_nanosecond().unsigned_abs().into())
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Deletes what is too old until `stop_at`, in turn a statement of each kind that may have
    /// more. A kind that fails is left to the next round and holds up no other. Dead letters that
    /// nobody has looked at do not vanish without a line.
    pub(crate) async fn purge(&self, stop_at: Timestamp) -> Purged {
        let (mut all, mut letters) = (Purged::default(), 0);
        let now = self.clock.now();
        let archived = self.archived().await.unwrap_or_else(|error| {
            tracing::error!(event = "not_purged", table = "archive_marks", error = chain(&error));
            all.failed.push("archive_marks");
            // Nothing is known to be in a file, so what is copied is kept.
            Archived::To(BTreeMap::new())
        });
        let mut kinds = VecDeque::from(self.retention.kinds(now));
        let limits = kinds.iter().filter(|(kind, _)| !matches!(kind, Kind::OutboxOf(_)));
        let limits: Limits = limits.map(|(kind, before)| (kind.table(), *before)).collect();
        let oldest_leaf = now - self.retention.outbox.longest();
        match self.retire_leaves(oldest_leaf, archived.to("outbox"), stop_at).await {
            // Its rows go with it, in a later round.
            Ok(Retired::Busy) => kinds.retain(|(kind, _)| *kind != Kind::Outbox),
            Ok(Retired::All) => {}
            Err(error) => {
                tracing::error!(event = "not_purged", table = "outbox", error = chain(&error));
                all.failed.push("outbox");
            }
        }
        while let Some((kind, before)) = kinds.pop_front() {
            let left = elapsed(self.clock.now(), stop_at).min(PATIENCE);
            if left.is_zero() {
                break;
            }
            match self.purge_in_time(kind, before, &archived, left).await {
                Ok(rows) => {
                    all.rows += rows;
                    if kind == Kind::Aged(Aged::DeadLetters) {
                        letters += rows;
                    }
                    if rows >= ROWS.unsigned_abs() {
                        kinds.push_back((kind, before));
                    }
                }
                Err(error) => {
                    let table = kind.table();
                    tracing::error!(event = "not_purged", table, error = chain(&error));
                    all.failed.push(table);
                }
            }
        }
        if letters > 0 {
            tracing::warn!(event = "dead_letters_purged", letters);
        }
        self.tell_held(&limits, &archived, now).await;
        all
    }

    async fn purge_in_time(
        &self,
        kind: Kind,
        before: Timestamp,
        archived: &Archived,
        left: Duration,
    ) -> Result<u64, StoreError> {
        self.database.within(left, kind.purge(&self.database, before, archived)).await
    }
}
