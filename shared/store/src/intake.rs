//! What our own clients push, into the outbox: in one statement, and once under an Idempotency-Key.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::disposition::Disposition;
use penstock_domain::ids::OutboxId;
use penstock_domain::intake::{Batch, Intake, LeadState, Reading};
use postgres_types::Type;
use tokio_postgres::{Client, GenericClient};
use uuid::Uuid;

use crate::sql::Param;
use crate::{Database, Row, Sql, StoreError};

mod rows;
mod spilled;

use rows::Rows;
pub use spilled::{BroughtIn, bring_in};

static KEEP: Sql = Sql {
    name: "intake.keep",
    text: include_str!("../sql/intake/keep.sql"),
    types: &[
        Type::BYTEA,
        Type::TEXT,
        Type::TEXT,
        Type::BYTEA,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::BYTEA_ARRAY,
    ],
};

static STORE: Sql = Sql {
    name: "intake.store",
    text: include_str!("../sql/intake/store.sql"),
    types: &[
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TEXT,
        Type::TIMESTAMPTZ,
        Type::TIMESTAMPTZ,
        Type::UUID_ARRAY,
        Type::TEXT_ARRAY,
        Type::TIMESTAMPTZ_ARRAY,
        Type::BYTEA_ARRAY,
    ],
};

static FIRST: Sql = Sql {
    name: "intake.first",
    text: "select body_sha256, duplicates from idempotency_keys where scope = $1 and route = $2 and key = $3",
    types: &[Type::BYTEA, Type::TEXT, Type::TEXT],
};

static REMEMBER_DUPLICATES: Sql = Sql {
    name: "intake.remember_duplicates",
    text: "update idempotency_keys set duplicates = $4 where scope = $1 and route = $2 and key = $3",
    types: &[Type::BYTEA, Type::TEXT, Type::TEXT, Type::INT4_ARRAY],
};

static PURGE: Sql = Sql {
    name: "intake.purge",
    text: "delete from idempotency_keys where (scope, route, key) in \
           (select scope, route, key from idempotency_keys where expires_at <= $1 order by expires_at limit $2) \
           and expires_at <= $1",
    types: &[Type::TIMESTAMPTZ, Type::INT8],
};

pub(crate) static STATEMENTS: &[&Sql] = &[&KEEP, &STORE, &FIRST, &REMEMBER_DUPLICATES, &PURGE];

/// How long an Idempotency-Key is kept.
pub const KEY_LIFE: Duration = Duration::from_secs(24 * 3_600);

/// How often a request that collided with another is tried again at once.
const COLLISIONS: u32 = 3;

/// What has become of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The rows that are new, for their ticket.
    pub rows: Vec<OutboxId>,
    /// What its sender is to be told.
    pub told: Told,
}

/// What the sender of a request is to be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Told {
    /// It is kept; of its events those at these places were known before.
    New {
        /// Places in the batch.
        duplicates: Vec<usize>,
    },
    /// The same came before under its Idempotency-Key, and was told this.
    Replay {
        /// Places in the batch.
        duplicates: Vec<usize>,
    },
    /// Something else came before under its Idempotency-Key. The body of a lead is kept all the same.
    Conflict,
}

/// Whose an Idempotency-Key is.
enum Claim {
    /// This request's, or it has none; these rows are new.
    First(Vec<OutboxId>),
    /// That of a request before it.
    Second(First),
}

/// The first request under a key.
struct First {
    body_sha256: Vec<u8>,
    duplicates: Vec<usize>,
}

/// One request on its way into the outbox.
struct Keeping<'a> {
    client: &'a Client,
    intake: &'a Intake,
    ticket_due_at: Timestamp,
    now: Timestamp,
}

/// Keeps a request as it was read; `relay` takes its tickets for lost from `ticket_due_at` on.
///
/// # Errors
/// Whatever Postgres answers. Where the connection broke nobody knows whether it was committed; doing it again does
/// no harm.
pub async fn keep(
    database: &Database,
    intake: &Intake,
    reading: &Reading<'_>,
    ticket_due_at: Timestamp,
    now: Timestamp,
) -> Result<Kept, StoreError> {
    let connection = database.connection().await?;
    let keeping = Keeping { client: &connection, intake, ticket_due_at, now };
    match reading {
        Reading::Lead(state) => keeping.lead(*state).await,
        Reading::Events(batch) => keeping.events(batch).await,
    }
}

/// Deletes up to `limit` Idempotency-Keys whose time is over at `now`; the answer is how many.
///
/// # Errors
/// Whatever Postgres answers.
pub async fn purge_keys(
    on: &impl GenericClient,
    now: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    PURGE.execute(on, &[&now, &limit]).await
}

impl Keeping<'_> {
    async fn lead(&self, state: LeadState) -> Result<Kept, StoreError> {
        let sha256 = self.intake.body_sha256();
        let replay = Told::Replay { duplicates: Vec::new() };
        let rows = Rows::of_lead(self.intake, state, self.intake.lead_id(&sha256));
        match self.claim(&rows).await? {
            // A key whose time was over, with the body that it had then: the same lead.
            Claim::First(rows) if rows.is_empty() => Ok(Kept { rows, told: replay }),
            Claim::First(rows) => Ok(Kept { rows, told: Told::New { duplicates: Vec::new() } }),
            Claim::Second(first) if first.body_sha256 == sha256 => {
                Ok(Kept { rows: Vec::new(), told: replay })
            }
            Claim::Second(first) => {
                let first = first.body_sha256.try_into().unwrap_or_default();
                let conflicting = LeadState::Conflicting;
                let rows = Rows::of_lead(self.intake, conflicting, self.intake.lead_id(&first));
                let rows = self.store(&rows).await?;
                Ok(Kept { rows, told: Told::Conflict })
            }
        }
    }

    async fn events(&self, batch: &Batch<'_>) -> Result<Kept, StoreError> {
        let rows = Rows::of_events(self.intake, batch);
        match self.claim(&rows).await? {
            Claim::First(new) => {
                let fresh: HashSet<Uuid> = new.iter().map(|id| id.0).collect();
                let places = batch
                    .events
                    .iter()
                    .enumerate()
                    .filter(|(_, event)| event.is_ok())
                    .map(|(place, _)| place);
                let known = places.zip(&rows.ids).filter(|(_, id)| !fresh.contains(id));
                let duplicates: Vec<usize> = known.map(|(place, _)| place).collect();
                if let Err(error) = self.remember(&duplicates).await {
                    tracing::warn!(
                        event = "duplicates_not_remembered",
                        error = &error as &dyn std::error::Error
                    );
                }
                Ok(Kept { rows: new, told: Told::New { duplicates } })
            }
            Claim::Second(first) if first.body_sha256 == self.intake.body_sha256() => {
                Ok(Kept { rows: Vec::new(), told: Told::Replay { duplicates: first.duplicates } })
            }
            Claim::Second(_) => Ok(Kept { rows: Vec::new(), told: Told::Conflict }),
        }
    }

    async fn claim(&self, rows: &Rows<'_>) -> Result<Claim, StoreError> {
        let Some(key) = self.intake.idempotency_key.as_deref() else {
            return Ok(Claim::First(self.store(rows).await?));
        };
        loop {
            if let Some(new) = self.store_under(key, rows).await? {
                return Ok(Claim::First(new));
            }
            // None where it was purged between the two statements: then it is free.
            if let Some(first) = self.first(key).await? {
                return Ok(Claim::Second(first));
            }
        }
    }

    /// Stores rows; the answer is the new ones.
    async fn store(&self, rows: &Rows<'_>) -> Result<Vec<OutboxId>, StoreError> {
        let params: [Param<'_>; 10] = [
            &rows.source,
            &rows.entity,
            &rows.version_key,
            &self.intake.content_type,
            &self.ticket_due_at,
            &self.intake.received_at,
            &rows.ids,
            &rows.external_ids,
            &rows.version_ats,
            &rows.payloads,
        ];
        let stored = self.run(&STORE, &params).await?;
        stored.iter().map(|row| row.read("id").map(OutboxId)).collect()
    }

    /// Claims the key and stores the rows for it; none, and nothing stored, where it is taken.
    async fn store_under(
        &self,
        key: &str,
        rows: &Rows<'_>,
    ) -> Result<Option<Vec<OutboxId>>, StoreError> {
        let (intake, now) = (self.intake, self.now);
        let (scope, sha256) = (intake.sender.scope.as_slice(), &intake.body_sha256()[..]);
        let (route, expires_at) = (intake.route.as_str(), now + KEY_LIFE);
        let params: [Param<'_>; 16] = [
            &scope,
            &route,
            &key,
            &sha256,
            &now,
            &expires_at,
            &rows.source,
            &rows.entity,
            &rows.version_key,
            &intake.content_type,
            &self.ticket_due_at,
            &intake.received_at,
            &rows.ids,
            &rows.external_ids,
            &rows.version_ats,
            &rows.payloads,
        ];
        let rows = self.run(&KEEP, &params).await?;
        match rows.first() {
            Some(row) if row.read("taken")? => {
                let ids: Vec<Uuid> = row.read("ids")?;
                Ok(Some(ids.into_iter().map(OutboxId).collect()))
            }
            _ => Ok(None),
        }
    }

    /// Runs a statement, again where it collided with another's transaction.
    async fn run(&self, sql: &Sql, params: &[Param<'_>]) -> Result<Vec<Row>, StoreError> {
        let mut collisions = 0;
        loop {
            match sql.rows(self.client, params).await {
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

    async fn first(&self, key: &str) -> Result<Option<First>, StoreError> {
        let scope = self.intake.sender.scope.as_slice();
        let row = FIRST.optional(self.client, &[&scope, &self.intake.route.as_str(), &key]).await?;
        let Some(row) = row else { return Ok(None) };
        let places: Vec<i32> = row.read::<Option<_>>("duplicates")?.unwrap_or_default();
        let duplicates =
            places.into_iter().filter_map(|place| usize::try_from(place).ok()).collect();
        Ok(Some(First { body_sha256: row.read("body_sha256")?, duplicates }))
    }

    /// For the replays of this request. Should this not come about, they call events new that were known before:
    /// what is stored is the same.
    async fn remember(&self, places: &[usize]) -> Result<(), StoreError> {
        let Some(key) = self.intake.idempotency_key.as_deref().filter(|_| !places.is_empty())
        else {
            return Ok(());
        };
        let places: Vec<i32> =
            places.iter().filter_map(|place| i32::try_from(*place).ok()).collect();
        let scope = self.intake.sender.scope.as_slice();
        let route = self.intake.route.as_str();
        REMEMBER_DUPLICATES.execute(self.client, &[&scope, &route, &key, &places]).await.map(drop)
    }
}
