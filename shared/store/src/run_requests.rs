//! The `run_requests` table: runs that a person asked for, and what has become of them.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::disposition::Disposition;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::RunId;
use postgres_types::Type;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::intake::KEY_LIFE;
use crate::sync_runs::read::{RunRecord, record};
use crate::sync_state::owed::{self, Unless};
use crate::{Connection, Row, Sql, StoreError, begin, commit};

static CLAIM: Sql = Sql {
    name: "run_requests.claim",
    text: include_str!("../sql/run_requests/claim.sql"),
    types: &[
        Type::BYTEA,
        Type::TEXT,
        Type::TEXT,
        Type::BYTEA,
        Type::UUID,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
    ],
};

static FIRST: Sql = Sql {
    name: "run_requests.first",
    text: "select body_sha256, run_id from idempotency_keys where scope = $1 and route = $2 and key = $3",
    types: &[Type::BYTEA, Type::TEXT, Type::TEXT],
};

static TOO_RECENT: Sql = Sql {
    name: "run_requests.too_recent",
    text: include_str!("../sql/run_requests/too_recent.sql"),
    types: &[Type::TEXT, Type::TEXT, Type::TIMESTAMPTZ],
};

static INSERT: Sql = Sql {
    name: "run_requests.insert",
    text: "insert into run_requests (id, source, mode, entities, requested_at) values ($1, $2, $3, $4, $5)",
    types: &[Type::UUID, Type::TEXT, Type::TEXT, Type::TEXT_ARRAY, Type::TIMESTAMPTZ],
};

static FIND: Sql = Sql {
    name: "run_requests.find",
    text: include_str!("../sql/run_requests/find.sql"),
    types: &[Type::UUID],
};

pub(crate) static STATEMENTS: &[&Sql] = &[&CLAIM, &FIRST, &TOO_RECENT, &INSERT, &FIND];

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
    let claimed = CLAIM
        .optional(&tx, &[&scope, &ROUTE, &key, &sha256, &id.0, &now, &(now + KEY_LIFE)])
        .await?;
    if claimed.is_none() {
        let first = FIRST.one(&tx, &[&scope, &ROUTE, &key]).await?;
        let same = first.read::<&[u8]>("body_sha256")? == sha256;
        return Ok(match first.read("run_id")? {
            Some(run) if same => Answer::Replay(RunId(run)),
            _ => Answer::Conflict,
        });
    }
    // Two wishes at once: the second looks for recent runs when the first is committed.
    owed::lock(&tx, source, entities, mode, now).await?;
    if !wish.interval.is_zero() {
        let recent =
            TOO_RECENT.optional(&tx, &[&source, &mode.as_str(), &(now - wish.interval)]).await?;
        if let Some(row) = recent {
            let again_at = row.read::<Timestamp>("at")? + wish.interval;
            return Ok(Answer::TooRecent { run: RunId(row.read("id")?), again_at });
        }
    }
    INSERT.execute(&tx, &[&id.0, &source, &mode.as_str(), &entities, &now]).await?;
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
    let rows = FIND.rows(on, &[&id]).await?;
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
