//! Requests of our own clients, into the outbox: each in one statement, and once under an
//! Idempotency-Key.

use std::collections::HashSet;
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::disposition::Disposition;
use penstock_domain::ids::OutboxId;
use penstock_domain::intake::{Batch, Intake, LeadState, NewEvent, Reading};
use tokio_postgres::{Client, GenericClient};
use uuid::Uuid;

use crate::outbox::insert::{Insert, InsertUnderKey, NewRows, waiting};
use crate::sql::{Statement, statements};
use crate::{Database, Row, StoreError};

mod rows;
mod spilled;

use rows::Times;
pub use spilled::{BroughtIn, bring_in};

statements! {
    idempotency_keys.find: Find<'a> { scope: &'a [u8], route: &'a str, key: &'a str }
    idempotency_keys.remember_duplicates: RememberDuplicates<'a> {
        scope: &'a [u8],
        route: &'a str,
        key: &'a str,
        duplicates: &'a [i32],
    }
    idempotency_keys.purge: Purge { now: Timestamp, limit: i64 }
    outbox.differing_events: DifferingEvents<'a> {
        external_ids: &'a [&'a str],
        version_keys: &'a [&'a str],
        lengths: &'a [i32],
        sha256s: &'a [&'a [u8]],
    }
}

/// The lifetime of an Idempotency-Key.
pub const KEY_LIFE: Duration = Duration::from_secs(24 * 3_600);

/// The number of times that a request which collided with another transaction is tried again at
/// once.
const COLLISIONS: u32 = 3;

/// A request that is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stored {
    /// The rows that are new.
    pub rows: Vec<OutboxId>,
    /// Rows of the request that were there before and are not processed yet. Their tickets may
    /// never have been sent.
    pub waiting: Vec<OutboxId>,
    /// The answer that its sender gets.
    pub answer: Answer,
}

impl Stored {
    /// Returns the rows to send tickets for.
    pub fn for_tickets(&self) -> impl Iterator<Item = OutboxId> + '_ {
        self.rows.iter().chain(&self.waiting).copied()
    }

    fn with(mut self, conflicting: Conflicting) -> Self {
        self.rows.extend(conflicting.rows);
        self.waiting.extend(conflicting.waiting);
        self
    }

    /// Returns how many events were stored as conflicting.
    #[must_use]
    pub fn conflicts(&self) -> usize {
        match &self.answer {
            Answer::New(known) | Answer::Replay(known) => known.conflicts.len(),
            Answer::Conflict { .. } => 0,
        }
    }
}

/// The answer that the sender of a request gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Answer {
    /// The request is stored.
    New(Known),
    /// The same request came before under its Idempotency-Key, and got this answer.
    Replay(Known),
    /// Another body came before under the Idempotency-Key. The body of a lead is stored all the
    /// same.
    Conflict {
        /// The SHA-256 of that body.
        first: [u8; 32],
    },
}

/// The events of a batch whose ids were known before, by their places in it, in order.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Events that came before.
    pub duplicates: Vec<usize>,
    /// Events that say something else than the first of their sender's under the id. They are
    /// stored as conflicting.
    pub conflicts: Vec<usize>,
}

/// The owner of an Idempotency-Key.
enum Claim {
    /// This request owns it, or has none. These rows are new.
    Ours(Vec<OutboxId>),
    /// A request before this one owns it.
    Theirs(First),
}

/// Events that were stored as conflicting.
#[derive(Default)]
struct Conflicting {
    /// Their places in the batch, in order.
    places: Vec<usize>,
    /// Those of their rows that are new.
    rows: Vec<OutboxId>,
    /// Those that were there before and are not processed yet.
    waiting: Vec<OutboxId>,
}

impl Conflicting {
    /// Returns what is told of the events that were known.
    fn known(&self, mut duplicates: Vec<usize>) -> Known {
        duplicates.retain(|place| self.places.binary_search(place).is_err());
        Known { duplicates, conflicts: self.places.clone() }
    }
}

/// The first request under a key.
struct First {
    body_sha256: Vec<u8>,
    duplicates: Vec<usize>,
}

/// One request on its way into the outbox.
struct Storing<'a> {
    client: &'a Client,
    intake: &'a Intake,
    times: Times,
}

/// Stores a request as it was read. From `ticket_due_at` on `relay` takes its tickets for lost.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails. After a broken connection it is not known whether
/// the request was committed; storing it again does no harm.
pub async fn store(
    database: &Database,
    intake: &Intake,
    reading: &Reading<'_>,
    ticket_due_at: Timestamp,
    now: Timestamp,
) -> Result<Stored, StoreError> {
    let connection = database.connection().await?;
    let storing = Storing { client: &connection, intake, times: Times { now, ticket_due_at } };
    match reading {
        Reading::Lead(state) => storing.lead(*state).await,
        Reading::Events(batch) => storing.events(batch).await,
    }
}

/// Deletes up to `limit` Idempotency-Keys that have expired at `now`, and returns how many.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn purge_keys(
    on: &impl GenericClient,
    now: Timestamp,
    limit: i64,
) -> Result<u64, StoreError> {
    Purge { now, limit }.execute(on).await
}

impl Storing<'_> {
    async fn lead(&self, state: LeadState) -> Result<Stored, StoreError> {
        let sha256 = self.intake.body_sha256();
        let replay = Answer::Replay(Known::default());
        let row = self.lead_rows(state, &sha256);
        match self.claim(&row).await? {
            // A key that had expired, and the body that it had then: the same lead.
            Claim::Ours(new) if new.is_empty() => Ok(self.stored(&row, new, replay).await),
            Claim::Ours(new) => Ok(self.stored(&row, new, Answer::New(Known::default())).await),
            Claim::Theirs(first) if first.body_sha256 == sha256 => {
                Ok(self.stored(&row, Vec::new(), replay).await)
            }
            Claim::Theirs(first) => {
                let first = first.body_sha256.try_into().unwrap_or_default();
                let row = self.lead_rows(LeadState::Conflicting, &first);
                let new = self.insert(&row).await?;
                Ok(self.stored(&row, new, Answer::Conflict { first }).await)
            }
        }
    }

    /// Makes the row of the lead whose id derives from `sha256`.
    fn lead_rows(&self, state: LeadState, sha256: &[u8; 32]) -> NewRows<'_> {
        rows::of_lead(self.intake, state, self.intake.lead_id(sha256), self.times)
    }

    /// Returns what is stored: of `rows` the `new` ones, and those that were there before and wait.
    async fn stored(&self, rows: &NewRows<'_>, new: Vec<OutboxId>, answer: Answer) -> Stored {
        let waiting = waiting(self.client, rows, new.len()).await;
        Stored { rows: new, waiting, answer }
    }

    async fn events(&self, batch: &Batch<'_>) -> Result<Stored, StoreError> {
        let key = rows::sender_key(self.intake);
        let rows = rows::of_events(self.intake, batch, &key, self.times);
        match self.claim(&rows).await? {
            Claim::Ours(new) => {
                let fresh: HashSet<Uuid> = new.iter().map(|id| id.0).collect();
                let events = batch.events.iter().enumerate();
                let good = events.filter(|(_, event)| event.is_ok()).map(|(place, _)| place);
                let known = good.zip(&rows.ids).filter(|(_, id)| !fresh.contains(id));
                let duplicates: Vec<usize> = known.map(|(place, _)| place).collect();
                let conflicting = self.keep_conflicts(batch, &duplicates, &key).await?;
                if let Err(error) = self.remember(&duplicates).await {
                    tracing::warn!(
                        event = "duplicates_not_remembered",
                        error = &error as &dyn std::error::Error
                    );
                }
                let answer = Answer::New(conflicting.known(duplicates));
                Ok(self.stored(&rows, new, answer).await.with(conflicting))
            }
            // Conflicting events are stored after the key is claimed, and the first try may have
            // ended between the two.
            Claim::Theirs(first) if first.body_sha256 == self.intake.body_sha256() => {
                let all: Vec<usize> = (0..batch.events.len()).collect();
                let conflicting = self.keep_conflicts(batch, &all, &key).await?;
                let answer = Answer::Replay(conflicting.known(first.duplicates));
                Ok(self.stored(&rows, Vec::new(), answer).await.with(conflicting))
            }
            Claim::Theirs(first) => {
                let first = first.body_sha256.try_into().unwrap_or_default();
                Ok(self.stored(&rows, Vec::new(), Answer::Conflict { first }).await)
            }
        }
    }

    /// Stores those events of `places` that say something else than the first of their sender's
    /// under the same id.
    async fn keep_conflicts(
        &self,
        batch: &Batch<'_>,
        places: &[usize],
        sender_key: &str,
    ) -> Result<Conflicting, StoreError> {
        let named = |place: &usize| {
            let event = batch.events.get(*place)?.as_ref().ok()?;
            event.event_id.as_deref().map(|id| (*place, event, id))
        };
        let named: Vec<_> = places.iter().filter_map(named).collect();
        if named.is_empty() {
            return Ok(Conflicting::default());
        }
        let sha256s: Vec<[u8; 32]> = named.iter().map(|(_, event, _)| event.sha256()).collect();
        let length = |event: &NewEvent<'_>| i32::try_from(event.text.len()).unwrap_or(i32::MAX);
        let differing = DifferingEvents {
            external_ids: &named.iter().map(|(_, _, id)| *id).collect::<Vec<_>>(),
            version_keys: &vec![sender_key; named.len()],
            lengths: &named.iter().map(|(_, event, _)| length(event)).collect::<Vec<_>>(),
            sha256s: &sha256s.iter().map(<[u8; 32]>::as_slice).collect::<Vec<_>>(),
        };
        let differing = differing.rows(self.client).await?;
        let place = |row: &Row| {
            let from_one: i32 = row.read("place")?;
            Ok(usize::try_from(from_one).ok().and_then(|place| named.get(place.checked_sub(1)?)))
        };
        let differing: Result<Vec<_>, StoreError> = differing.iter().map(place).collect();
        let differing: Vec<_> = differing?.into_iter().flatten().collect();
        if differing.is_empty() {
            return Ok(Conflicting::default());
        }
        let events: Vec<_> = differing.iter().map(|(_, event, _)| *event).collect();
        let rows = rows::of_conflicting(self.intake, &events, sender_key, self.times);
        let places = differing.into_iter().map(|(place, ..)| *place).collect();
        let new = self.insert(&rows).await?;
        let waiting = waiting(self.client, &rows, new.len()).await;
        Ok(Conflicting { places, rows: new, waiting })
    }

    async fn claim(&self, rows: &NewRows<'_>) -> Result<Claim, StoreError> {
        let Some(key) = self.intake.idempotency_key.as_deref() else {
            return Ok(Claim::Ours(self.insert(rows).await?));
        };
        loop {
            if let Some(new) = self.insert_under(key, rows).await? {
                return Ok(Claim::Ours(new));
            }
            // There is none if the key was purged between the two statements: then it is free.
            if let Some(first) = self.first(key).await? {
                return Ok(Claim::Theirs(first));
            }
        }
    }

    /// Inserts rows, and returns the new ones.
    async fn insert(&self, rows: &NewRows<'_>) -> Result<Vec<OutboxId>, StoreError> {
        let new = self.rows_of(&Insert { rows }).await?;
        new.iter().map(|row| row.read("id").map(OutboxId)).collect()
    }

    /// Claims the key and inserts the rows. Returns `None`, and inserts nothing, if the key is
    /// taken.
    async fn insert_under(
        &self,
        key: &str,
        rows: &NewRows<'_>,
    ) -> Result<Option<Vec<OutboxId>>, StoreError> {
        let insert = InsertUnderKey {
            rows,
            scope: &self.intake.sender.id,
            route: self.intake.route.as_str(),
            key,
            body_sha256: &self.intake.body_sha256(),
            now: self.times.now,
            expires_at: self.times.now + KEY_LIFE,
        };
        let rows = self.rows_of(&insert).await?;
        match rows.first() {
            Some(row) if row.read("is_claimed")? => {
                let ids: Vec<Uuid> = row.read("ids")?;
                Ok(Some(ids.into_iter().map(OutboxId).collect()))
            }
            _ => Ok(None),
        }
    }

    /// Runs a statement, again if it collided with another transaction.
    async fn rows_of(&self, statement: &impl Statement) -> Result<Vec<Row>, StoreError> {
        let mut collisions = 0;
        loop {
            match statement.rows(self.client).await {
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
        let scope = &self.intake.sender.id;
        let find = Find { scope, route: self.intake.route.as_str(), key };
        let Some(row) = find.optional(self.client).await? else { return Ok(None) };
        let places: Vec<i32> = row.read::<Option<_>>("duplicates")?.unwrap_or_default();
        let duplicates =
            places.into_iter().filter_map(|place| usize::try_from(place).ok()).collect();
        Ok(Some(First { body_sha256: row.read("body_sha256")?, duplicates }))
    }

    /// Remembers the duplicates for the replays of this request. If this fails, the replays call
    /// events new that were known before: the same rows are stored either way.
    async fn remember(&self, places: &[usize]) -> Result<(), StoreError> {
        let Some(key) = self.intake.idempotency_key.as_deref().filter(|_| !places.is_empty())
        else {
            return Ok(());
        };
        let duplicates: Vec<i32> =
            places.iter().filter_map(|place| i32::try_from(*place).ok()).collect();
        let remember = RememberDuplicates {
            scope: &self.intake.sender.id,
            route: self.intake.route.as_str(),
            key,
            duplicates: &duplicates,
        };
        remember.execute(self.client).await.map(drop)
    }
}
