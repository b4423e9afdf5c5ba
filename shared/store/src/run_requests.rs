//! The `run_requests` table: runs that a person asked for, and what has become of them.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::disposition::Disposition;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::RunId;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::intake::KEY_LIFE;
use crate::sql::{Statement, statements};
use crate::sync_runs::read::{RunRecord, record};
use crate::sync_state::owed::{self, Unless};
use crate::{Connection, Row, StoreError, begin, commit};

statements! {
    run_requests.claim: Claim<'a> {
        scope: &'a [u8],
        route: &'a str,
        key: &'a str,
        body_sha256: &'a [u8],
        run: Uuid,
        now: Timestamp,
        expires_at: Timestamp,
    }
    run_requests.first: First<'a> { scope: &'a [u8], route: &'a str, key: &'a str }
    run_requests.too_recent: TooRecent<'a> { source: &'a str, mode: &'a str, since: Timestamp }
    run_requests.insert: Insert<'a> {
        id: Uuid,
        source: &'a str,
        mode: &'a str,
        entities: &'a [&'a str],
        now: Timestamp,
    }
    run_requests.find: Find { id: Uuid }
}

/// The route under which its Idempotency-Keys are kept.
const ROUTE: &str = "/trigger";

/// How often a request that collided with another is tried again at once.
const COLLISIONS: u32 = 3;

/// A run that somebody asks for.
#[derive(Debug, Clone, Copy)]
pub struct Wish<'a> {
    /// SHA-256 of the sender's key: its Idempotency-Keys are its own.
    pub scope: &'a [u8; 32],
    /// The Idempotency-Key.
    pub key: &'a str,
    /// SHA-256 of all that the request says.
    pub sha256: &'a [u8; 32],
    /// The vendor.
    pub source: &'a str,
    /// What is pulled there in this mode.
    pub entities: &'a [&'a str],
    /// `Full` or `Incremental`.
    pub mode: Mode,
    /// A run that was asked for or begun less than this ago is too recent; zero where none is.
    pub interval: Duration,
}

/// What has become of a wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// It is written down as this run, and owed from now on.
    Accepted(RunId),
    /// The same came before under its Idempotency-Key, and is this run.
    Replay(RunId),
    /// Something else came before under its Idempotency-Key.
    Conflict,
    /// This run was asked for or begun too short a time ago. Nothing is written.
    TooRecent {
        /// The run.
        run: RunId,
        /// When it may be asked for again.
        again_at: Timestamp,
    },
}

/// Writes down a run that is asked for, and owes it: from the commit on `relay` sees to it.
///
/// # Errors
/// Whatever Postgres answers. Where the connection broke nobody knows whether it was committed; doing it again does
/// no harm.
pub async fn accept(
    on: &mut Connection,
    wish: Wish<'_>,
    now: Timestamp,
) -> Result<Answer, StoreError> {
    let mut collisions = 0;
    loop {
        match attempt(on, wish, now).await {
            Err(error)
                if error.disposition() == Disposition::Retry(Duration::ZERO)
                    && collisions < COLLISIONS =>
            {
                collisions += 1;
            }
            outcome => return outcome,
        }
    }
}

async fn attempt(
    on: &mut Connection,
    wish: Wish<'_>,
    now: Timestamp,
) -> Result<Answer, StoreError> {
    let Wish { key, source, entities, mode, .. } = wish;
    let (scope, sha256, id) = (wish.scope.as_slice(), wish.sha256.as_slice(), RunId::new(now));
    let tx = begin(on).await?;
    let claim = Claim {
        scope,
        route: ROUTE,
        key,
        body_sha256: sha256,
        run: id.0,
        now,
        expires_at: now + KEY_LIFE,
    };
    if claim.optional(&tx).await?.is_none() {
        let first = First { scope, route: ROUTE, key }.one(&tx).await?;
        let same = first.read::<&[u8]>("body_sha256")? == sha256;
        return Ok(match first.read("run_id")? {
            Some(run) if same => Answer::Replay(RunId(run)),
            _ => Answer::Conflict,
        });
    }
    // Two wishes at once: the second looks for recent runs when the first is committed.
    owed::lock(&tx, source, entities, mode, now).await?;
    if !wish.interval.is_zero() {
        let recent = TooRecent { source, mode: mode.as_str(), since: now - wish.interval };
        if let Some(row) = recent.optional(&tx).await? {
            let again_at = row.read::<Timestamp>("at")? + wish.interval;
            return Ok(Answer::TooRecent { run: RunId(row.read("id")?), again_at });
        }
    }
    Insert { id: id.0, source, mode: mode.as_str(), entities, now }.execute(&tx).await?;
    let why = format!("by POST /trigger, accepted as {id}");
    owed::owe(&tx, source, entities, mode, Some(&why), Unless::Never, now).await?;
    commit(tx).await?;
    Ok(Answer::Accepted(id))
}

/// A run that was asked for, as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The id under which it was accepted.
    pub id: Uuid,
    /// Whom it pulls from.
    pub source: String,
    /// `full` or `incremental`.
    pub mode: String,
    /// When it was accepted.
    pub requested_at: Timestamp,
    /// What it consists of, one pull an entity.
    pub parts: Vec<Part>,
}

/// One pull of a run that was asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// What it pulls.
    pub entity: String,
    /// The run that serves it, once that has begun.
    pub run: Option<RunRecord>,
    /// The run of the same pull that was under way before, and must end first.
    pub waits_for: Option<Uuid>,
    /// Why only a person can go on.
    pub halted: Option<String>,
}

/// The run that was accepted under that id.
///
/// # Errors
/// Whatever Postgres or the connection answers.
pub async fn find(on: &impl GenericClient, id: Uuid) -> Result<Option<Request>, StoreError> {
    let rows = Find { id }.rows(on).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    Ok(Some(Request {
        id: first.read("request_id")?,
        source: first.read("request_source")?,
        mode: first.read("request_mode")?,
        requested_at: first.read("requested_at")?,
        parts: rows.iter().map(part).collect::<Result<_, _>>()?,
    }))
}

fn part(row: &Row) -> Result<Part, StoreError> {
    let entity = row.read("wanted")?;
    Ok(match row.read::<Option<Uuid>>("id")? {
        Some(_) => Part { entity, run: Some(record(row)?), waits_for: None, halted: None },
        None => {
            let (waits_for, halted) = (row.read("under_way")?, row.read("halted_by")?);
            Part { entity, run: None, waits_for, halted }
        }
    })
}
