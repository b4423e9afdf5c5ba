//! The `run_requests` table: runs that were requested over HTTP.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::disposition::Disposition;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::RunId;
use tokio_postgres::{GenericClient, Transaction};
use uuid::Uuid;

use crate::intake::KEY_LIFE;
use crate::sql::{Statement, statements};
use crate::sync_runs::read::{RunRecord, record};
use crate::sync_state::pending::{self, Unless};
use crate::{Connection, Row, StoreError, audit, begin, commit};

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

/// The route that its Idempotency-Keys belong to.
const ROUTE: &str = "/trigger";

/// The number of times that a request which collided with another is tried again at once.
const COLLISIONS: u32 = 3;

/// A run that is requested over HTTP.
#[derive(Debug, Clone, Copy)]
pub struct NewRequest<'a> {
    /// The SHA-256 of the sender's API key, which owns the Idempotency-Key.
    pub sender: &'a [u8; 32],
    /// The Idempotency-Key of the request.
    pub key: &'a str,
    /// The SHA-256 of all that the request says.
    pub sha256: &'a [u8; 32],
    /// The name of the vendor's source.
    pub source: &'a str,
    /// The entities of the source that are pulled in this mode.
    pub entities: &'a [&'a str],
    /// The mode of the run: full or incremental.
    pub mode: Mode,
    /// A run that was requested or begun less than this ago is too recent. Zero allows any.
    pub interval: Duration,
}

/// The answer to a requested run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The request is written down under this id, and its runs are requested from now on.
    Accepted(RunId),
    /// The same request came before under its Idempotency-Key.
    Replay {
        /// The id that it got.
        run: RunId,
        /// The entities whose runs have not begun. Whoever sent the request got no answer, perhaps,
        /// and then no message was sent for them.
        waiting: Vec<String>,
    },
    /// Another request came before under its Idempotency-Key.
    Conflict,
    /// A run was requested or begun too short a time ago. Nothing is written.
    TooRecent {
        /// The id of that run.
        run: RunId,
        /// The time from which a run may be requested again.
        again_at: Timestamp,
    },
}

/// Writes down a run that is requested at the time of `trail`, which goes to the audit log, and
/// requests its pulls. From the commit on `relay` repeats
/// the request.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails. After a broken connection it is not known whether
/// the request was committed; doing it again does no harm.
pub async fn accept(
    on: &mut Connection,
    request: NewRequest<'_>,
    trail: &audit::Entry<'_>,
) -> Result<Answer, StoreError> {
    let mut collisions = 0;
    loop {
        match attempt(on, request, trail).await {
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
    request: NewRequest<'_>,
    trail: &audit::Entry<'_>,
) -> Result<Answer, StoreError> {
    let tx = begin(on).await?;
    let answer = accept_in(&tx, request, "by POST /trigger", trail.at).await?;
    if matches!(answer, Answer::Accepted(_)) {
        audit::write(&tx, trail).await?;
        commit(tx).await?;
    }
    Ok(answer)
}

/// As [`accept`], in a transaction of the caller, who commits it if the answer is
/// [`Answer::Accepted`] and else rolls it back. `by` says how the request came, for the reason of
/// its runs.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails. One that collides with another request does, with
/// the advice to try again at once.
pub async fn accept_in(
    tx: &Transaction<'_>,
    request: NewRequest<'_>,
    by: &str,
    now: Timestamp,
) -> Result<Answer, StoreError> {
    let NewRequest { key, source, entities, mode, .. } = request;
    let (scope, sha256, id) =
        (request.sender.as_slice(), request.sha256.as_slice(), RunId::new(now));
    let claim = Claim {
        scope,
        route: ROUTE,
        key,
        body_sha256: sha256,
        run: id.0,
        now,
        expires_at: now + KEY_LIFE,
    };
    if claim.optional(tx).await?.is_none() {
        let first = First { scope, route: ROUTE, key }.one(tx).await?;
        let same = first.read::<&[u8]>("body_sha256")? == sha256;
        return Ok(match first.read("run_id")? {
            Some(run) if same => {
                let waiting = pending::requested(tx, source, entities, mode).await?;
                Answer::Replay { run: RunId(run), waiting }
            }
            _ => Answer::Conflict,
        });
    }
    // Of two requests at once, the second looks for recent runs when the first is committed.
    pending::lock(tx, source, entities, mode, now).await?;
    if !request.interval.is_zero() {
        let recent = TooRecent { source, mode: mode.as_str(), since: now - request.interval };
        if let Some(row) = recent.optional(tx).await? {
            let again_at = row.read::<Timestamp>("at")? + request.interval;
            return Ok(Answer::TooRecent { run: RunId(row.read("id")?), again_at });
        }
    }
    Insert { id: id.0, source, mode: mode.as_str(), entities, now }.execute(tx).await?;
    let why = format!("{by}, accepted as {id}");
    pending::request(tx, source, entities, mode, Some(&why), Unless::Never, now).await?;
    Ok(Answer::Accepted(id))
}

/// A run that was requested, with its progress.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The id that the reply named.
    pub id: Uuid,
    /// The name of the vendor.
    pub vendor: String,
    /// The name of the connection that it pulls.
    pub source: String,
    /// The mode: `full` or `incremental`.
    pub mode: String,
    /// The time at which it was accepted.
    pub requested_at: Timestamp,
    /// The pulls that it consists of, one an entity.
    pub parts: Vec<Part>,
}

/// One pull of a run that was requested.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The entity that is pulled.
    pub entity: String,
    /// The run that serves it, once it has begun.
    pub run: Option<RunRecord>,
    /// The run of the same pull that was under way before and must end first.
    pub waits_for: Option<Uuid>,
    /// The reason why the pull is paused, if it is.
    pub halted: Option<String>,
}

/// Returns the run that was accepted under that id, or `None` if there is none.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn find(on: &impl GenericClient, id: Uuid) -> Result<Option<Request>, StoreError> {
    let rows = Find { id }.rows(on).await?;
    let Some(first) = rows.first() else { return Ok(None) };
    Ok(Some(Request {
        id: first.read("request_id")?,
        vendor: first.read("vendor")?,
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
