//! The deletion of rows that are older than their retention.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::config::{ConfigError, Env};
use penstock_domain::retention::Retention as OutboxRetention;
use penstock_store::retention::{self, Aged};
use penstock_store::{intake, not_ours, outbox, refetch};

use crate::{Ports, ROWS, RelayError};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// How long rows are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Processed rows of the outbox. No run may outlive them.
    pub outbox: Duration,
    /// Dead letters, with their dead rows.
    pub dead_letters: Duration,
    /// Runs, requests for runs, reconciliations.
    pub runs: Duration,
    /// Leads; `None` is for ever.
    pub leads: Option<Duration>,
    /// Product events; `None` is for ever.
    pub events: Option<Duration>,
}

impl Default for Retention {
    fn default() -> Self {
        Self {
            outbox: OutboxRetention::default().keeps(),
            dead_letters: 400 * DAY,
            runs: 400 * DAY,
            leads: None,
            events: None,
        }
    }
}

impl Retention {
    /// Reads `OUTBOX_RETENTION_DAYS`, `DEAD_LETTER_RETENTION_DAYS`, `RUN_RETENTION_DAYS`,
    /// `LEAD_RETENTION_DAYS` and `EVENT_RETENTION_DAYS`. Of the last two 0 is for ever.
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
            outbox: OutboxRetention::from_env(env)?.keeps(),
            dead_letters: at_least_one("DEAD_LETTER_RETENTION_DAYS", defaults.dead_letters)?,
            runs: at_least_one("RUN_RETENTION_DAYS", defaults.runs)?,
            leads: or_ever("LEAD_RETENTION_DAYS")?,
            events: or_ever("EVENT_RETENTION_DAYS")?,
        })
    }
}

/// Numbers of rows that were deleted.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Purged {
    /// Of all tables, dead letters too.
    pub rows: u64,
    pub dead_letters: u64,
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Deletes what is too old, some rows a statement, until `stop_at`. Dead letters that nobody
    /// has looked at do not vanish without a line.
    pub(crate) async fn purge(&self, stop_at: Timestamp) -> Result<Purged, RelayError> {
        let mut all = Purged::default();
        while self.clock.now() < stop_at {
            let Purged { rows, dead_letters } = self.purge_some().await?;
            all.rows += rows;
            all.dead_letters += dead_letters;
            if rows == 0 {
                break;
            }
        }
        if all.dead_letters > 0 {
            tracing::warn!(event = "dead_letters_purged", letters = all.dead_letters);
        }
        Ok(all)
    }

    async fn purge_some(&self) -> Result<Purged, RelayError> {
        let (now, retention) = (self.clock.now(), &self.retention);
        let connection = self.database.connection().await?;
        let before = now - retention.outbox;
        let mut rows = outbox::purge(&**connection, before, ROWS).await?
            + not_ours::purge(&**connection, before, ROWS).await?
            + refetch::ended::purge(&**connection, before, ROWS).await?
            + intake::purge_keys(&**connection, now, ROWS).await?;
        let before = now - retention.dead_letters;
        let dead_letters = retention::purge(&**connection, Aged::DeadLetters, before, ROWS).await?;
        let aged = [
            (Aged::Runs, Some(retention.runs)),
            (Aged::Leads, retention.leads),
            (Aged::Events, retention.events),
        ];
        for (what, kept_for) in aged {
            if let Some(kept_for) = kept_for {
                rows += retention::purge(&**connection, what, now - kept_for, ROWS).await?;
            }
        }
        Ok(Purged { rows: rows + dead_letters, dead_letters })
    }
}
