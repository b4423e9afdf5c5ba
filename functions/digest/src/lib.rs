//! `digest`: tells the operators how the day was, and at once what begins to fail and what is well
//! again.
//!
//! A message is stored before anything is sent, with one sending a channel. A sending is claimed
//! before its request, and so goes out at most once (docs/adr/0057-digests.md).

mod away;
mod checking;
mod reading;
mod request;
mod sending;
mod settings;

use std::time::Duration;

use jiff::civil::Date;
use jiff::{Timestamp, ToSpan as _};
use penstock_clients::sending::Channel;
use penstock_domain::clock::{Clock, earlier, elapsed};
use penstock_domain::dependency::Dependency;
use penstock_domain::digest::{due_at, local_day};
use penstock_store::digests::{self, Kind, Planned};
use penstock_store::{Database, StoreError, begin, commit};

use away::Away;
pub use request::{Report, Request};
pub use settings::Settings;

/// The name of the function, for its log.
pub const NAME: &str = "digest";

/// Everything that `digest` uses.
pub struct Ports<C> {
    /// All that is told is read from here, and stored here first.
    pub database: Database,
    /// The channels that an operator has configured.
    pub channels: Vec<Box<dyn Channel>>,
    /// The settings of the operator.
    pub settings: Settings,
    /// The time.
    pub clock: C,
    /// The knowledge of this environment about a database that is away.
    away: Away,
}

/// Why a message was not planned. The next event tries again.
#[derive(Debug, thiserror::Error)]
pub enum DigestError {
    /// Postgres.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A message does not become JSON, or is none.
    #[error("a message is no JSON")]
    Json(#[from] serde_json::Error),
}

impl Dependency for DigestError {
    fn is_unreachable(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_unreachable())
    }
}

/// Work with Postgres that takes longer is given up.
const PATIENCE: Duration = Duration::from_secs(20);

/// No request begins later than this before Lambda ends the function: one takes 20 s at most.
const MARGIN: Duration = Duration::from_secs(25);

/// Work that goes on all the same is given up this long before Lambda would end it.
const RESERVE: Duration = Duration::from_secs(5);

/// A digest that its schedule has missed is sent by a check, up to this long after it was due.
const LATEST: Duration = Duration::from_secs(6 * 3600);

/// A check leaves the schedule this long to send the digest.
const GRACE: Duration = Duration::from_secs(300);

/// Messages and issues that are over are deleted after this long.
const KEPT: Duration = Duration::from_secs(90 * 86_400);

impl<C: Clock> Ports<C> {
    /// Creates the ports of an environment.
    #[must_use]
    pub fn new(
        database: Database,
        channels: Vec<Box<dyn Channel>>,
        settings: Settings,
        clock: C,
    ) -> Self {
        Self { database, channels, settings, clock, away: Away::default() }
    }

    /// Serves an event, begins no request shortly before `deadline`, and gives all up before Lambda
    /// would end the process.
    ///
    /// # Errors
    /// [`DigestError`] if Postgres fails while a daily digest is asked for, or the time is over. A
    /// check tells of a database that is away itself.
    pub async fn serve(
        &self,
        request: Request,
        deadline: Timestamp,
    ) -> Result<Report, DigestError> {
        let left = elapsed(self.clock.now(), earlier(deadline, RESERVE));
        self.database.within(left, self.serve_until(request, deadline)).await
    }

    async fn serve_until(
        &self,
        request: Request,
        deadline: Timestamp,
    ) -> Result<Report, DigestError> {
        let stop_at = earlier(deadline, MARGIN);
        let mut report = Report::default();
        match request {
            Request::Preview => {
                let digest = self.compose(self.clock.now()).await?;
                report.preview = Some(digest.document().message());
                return Ok(report);
            }
            // Nobody is to be told: nothing is stored.
            _ if self.channels.is_empty() => return Ok(report),
            Request::Daily { scheduled_at } => {
                report.planned =
                    self.plan_daily(local_day(&self.settings.zone, scheduled_at)).await?;
            }
            Request::Again { day } => self.plan_again(day).await?,
            Request::Check => match self.check().await {
                Ok(planned) => report.planned = planned,
                Err(error) if !error.is_unreachable() => return Err(error),
                Err(error) => {
                    self.tell_away(&error, &mut report).await;
                    return Ok(report);
                }
            },
        }
        self.send_due(stop_at, &mut report).await?;
        tracing::info!(
            event = "digested",
            planned = report.planned,
            sent = report.sent,
            not_sent = report.not_sent
        );
        Ok(report)
    }

    /// The names of the channels.
    fn names(&self) -> Vec<&'static str> {
        self.channels.iter().map(|channel| channel.name()).collect()
    }

    /// Plans the digest of a day, unless it is planned. Returns the number of messages.
    async fn plan_daily(&self, day: Date) -> Result<usize, DigestError> {
        let zone = self.settings.zone.name();
        let planned = async {
            let connection = self.database.connection().await?;
            digests::is_planned(&**connection, day, zone).await
        };
        if self.database.within(PATIENCE, planned).await? {
            return Ok(0);
        }
        let digest = self.compose(due_at(&self.settings.zone, day)).await?;
        let is_told = self.settings.when.tells(day, !digest.tasks().is_empty());
        let message = match is_told {
            true => serde_json::to_string(&digest.document().message())?,
            false => String::new(),
        };
        // A day on which nobody is told has its row too: it is not looked at again.
        let names = if is_told { self.names() } else { Vec::new() };
        let planned = Planned { kind: Kind::Daily, day, zone, message: &message, channels: &names };
        let now = self.clock.now();
        let plan = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            let is_new = digests::plan(&tx, planned, now).await?;
            digests::purge(&tx, earlier(now, KEPT)).await?;
            digests::issues::purge(&tx, earlier(now, KEPT)).await?;
            commit(tx).await?;
            Ok::<_, StoreError>(is_new)
        };
        Ok(usize::from(self.database.within(PATIENCE, plan).await? && is_told))
    }

    /// Plans the digest of today if its schedule has missed it.
    async fn catch_up(&self) -> Result<usize, DigestError> {
        let now = self.clock.now();
        let day = local_day(&self.settings.zone, now);
        let due = due_at(&self.settings.zone, day);
        let late = elapsed(due, now);
        if late < GRACE || late > LATEST { Ok(0) } else { self.plan_daily(day).await }
    }

    async fn plan_again(&self, day: Date) -> Result<(), DigestError> {
        let (zone, now) = (self.settings.zone.name(), self.clock.now());
        let again = async {
            let connection = self.database.connection().await?;
            digests::again(&**connection, day, zone, now).await
        };
        self.database.within(PATIENCE, again).await?;
        Ok(())
    }
}

/// Returns the day before; the first of all days has none.
fn day_before(day: Date) -> Date {
    day.saturating_sub(1.day())
}
