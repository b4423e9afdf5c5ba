//! The `digests` and `digest_sendings` tables: messages to the operators, and what became of each
//! over each channel.
//!
//! A sending is claimed before its request, in a transaction of its own. So a message goes out over
//! a channel at most once: of a function that ends in the middle it is not known whether it did.

pub mod issues;

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Date;
use penstock_domain::clock::earlier;
use penstock_domain::ids::DigestId;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    digests.plan: Plan<'a> {
        id: Uuid,
        kind: &'a str,
        day: Date,
        zone: &'a str,
        message: &'a str,
        now: Timestamp,
    }
    digests.is_planned: IsPlanned<'a> { day: Date, zone: &'a str }
    digests.purge: Purge { before: Timestamp }
    digest_sendings.plan: PlanSendings<'a> {
        digest_id: Uuid,
        channels: &'a [&'a str],
        now: Timestamp,
    }
    digest_sendings.due: Due<'a> { channels: &'a [&'a str], now: Timestamp, limit: i64 }
    digest_sendings.claim: Claim<'a> { digest_id: Uuid, channel: &'a str, now: Timestamp }
    digest_sendings.settle: Settle<'a> {
        digest_id: Uuid,
        channel: &'a str,
        state: &'a str,
        next_try_at: Timestamp,
        error: Option<&'a str>,
    }
    digest_sendings.lose: Lose { before: Timestamp }
    digest_sendings.again: Again<'a> { day: Date, zone: &'a str, now: Timestamp }
}

/// The most sendings that one invocation begins.
const MOST: i64 = 20;

/// A claim that is older is of a function that has ended: none lives so long.
const CLAIM: Duration = Duration::from_secs(300);

/// The kind of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The digest of a day.
    Daily,
    /// Word of issues that began.
    Failure,
    /// Word of issues that ended.
    Recovery,
}

impl Kind {
    /// Returns the word in `digests.kind`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Daily => "daily",
            Self::Failure => "failure",
            Self::Recovery => "recovery",
        }
    }
}

/// A message to be planned.
#[derive(Debug, Clone, Copy)]
pub struct Planned<'a> {
    /// The kind.
    pub kind: Kind,
    /// The local day on which it is sent.
    pub day: Date,
    /// The zone of that day.
    pub zone: &'a str,
    /// The message as JSON; empty if nobody is told.
    pub message: &'a str,
    /// The channels over which it goes out.
    pub channels: &'a [&'a str],
}

/// A message that is to go out over a channel.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sending {
    /// The message.
    pub digest: DigestId,
    /// The name of the channel.
    pub channel: String,
    /// The kind of the message.
    pub kind: String,
    /// The number of earlier attempts.
    pub attempts: u32,
    /// The message as JSON.
    pub message: String,
}

/// The outcome of a sending that was claimed.
#[derive(Debug, Clone, Copy)]
pub enum Outcome<'a> {
    /// The channel has taken it.
    Sent,
    /// It was not sent, and is tried again at this time.
    Later(Timestamp, &'a str),
    /// It was not sent, and is not tried again.
    Refused(&'a str),
    /// It may have been sent, and is not tried again.
    Unsure(&'a str),
}

/// Returns whether the daily digest of this day in this zone is planned, or was sent.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn is_planned(
    on: &impl GenericClient,
    day: Date,
    zone: &str,
) -> Result<bool, StoreError> {
    IsPlanned { day, zone }.one(on).await?.read("is_planned")
}

/// Plans a message with its sendings. Returns false if it is the second daily digest of its day.
/// Run it in a transaction.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn plan(
    on: &impl GenericClient,
    planned: Planned<'_>,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let id = DigestId::new(now).0;
    let Planned { kind, day, zone, message, channels } = planned;
    let plan = Plan { id, kind: kind.as_str(), day, zone, message, now };
    if plan.execute(on).await? == 0 {
        return Ok(false);
    }
    PlanSendings { digest_id: id, channels, now }.execute(on).await?;
    Ok(true)
}

/// Returns the sendings over these channels that are due, the oldest message first.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn due(
    on: &impl GenericClient,
    channels: &[&str],
    now: Timestamp,
) -> Result<Vec<Sending>, StoreError> {
    let read = |row: &Row| {
        Ok(Sending {
            digest: DigestId(row.read("digest_id")?),
            channel: row.read("channel")?,
            kind: row.read("kind")?,
            attempts: u32::try_from(row.read::<i32>("attempts")?).unwrap_or_default(),
            message: row.read("message")?,
        })
    };
    Due { channels, now, limit: MOST }.rows(on).await?.iter().map(read).collect()
}

/// Claims a sending before its request. Returns false if another invocation has it.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn claim(
    on: &impl GenericClient,
    sending: &Sending,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let claim = Claim { digest_id: sending.digest.0, channel: &sending.channel, now };
    Ok(claim.execute(on).await? == 1)
}

/// Writes down what became of a sending that was claimed.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn settle(
    on: &impl GenericClient,
    sending: &Sending,
    outcome: Outcome<'_>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let (state, next_try_at, error) = match outcome {
        Outcome::Sent => ("sent", now, None),
        Outcome::Later(at, why) => ("planned", at, Some(why)),
        Outcome::Refused(why) => ("refused", now, Some(why)),
        Outcome::Unsure(why) => ("unsure", now, Some(why)),
    };
    let (digest_id, channel) = (sending.digest.0, sending.channel.as_str());
    Settle { digest_id, channel, state, next_try_at, error }.execute(on).await.map(drop)
}

/// Gives up the sendings whose function ended in the middle. Returns the channel of each.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn lose(on: &impl GenericClient, now: Timestamp) -> Result<Vec<String>, StoreError> {
    let rows = Lose { before: earlier(now, CLAIM) }.rows(on).await?;
    rows.iter().map(|row| row.read("channel")).collect()
}

/// Plans the daily digest of a day again, over the channels where it is not known to be sent.
/// Returns the number of those.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn again(
    on: &impl GenericClient,
    day: Date,
    zone: &str,
    now: Timestamp,
) -> Result<u64, StoreError> {
    Again { day, zone, now }.execute(on).await
}

/// Deletes the messages from before an instant. Returns the number of those.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn purge(on: &impl GenericClient, before: Timestamp) -> Result<u64, StoreError> {
    Purge { before }.execute(on).await
}
