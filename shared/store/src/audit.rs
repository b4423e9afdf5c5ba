//! The `audit_log` table: who has changed what, and when. A row is written in the transaction of
//! the change, so that there is neither a change without its row nor a row without its change.
//! Rows never change. `relay` deletes them when their retention is over.

use jiff::Timestamp;
use penstock_domain::audit::Action;
use penstock_domain::ids::id_at;
use penstock_domain::text::printable;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    audit_log.insert: Insert<'a> {
        id: Uuid,
        happened_at: Timestamp,
        actor_kind: &'a str,
        actor_id: Option<Uuid>,
        actor: Option<&'a str>,
        action: &'a str,
        object: &'a str,
        count: Option<i64>,
        why: Option<&'a str>,
        detail: Option<&'a str>,
        request_id: &'a str,
        address: Option<&'a str>,
    }
    audit_log.page: Page<'a> {
        actor: Option<&'a str>,
        action: Option<&'a str>,
        object: Option<&'a str>,
        from: Option<Timestamp>,
        until: Option<Timestamp>,
        before: Option<Timestamp>,
        before_id: Option<Uuid>,
        limit: i64,
    }
}

/// The author of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Actor<'a> {
    /// A person who is signed in.
    User { id: Uuid, email: &'a str },
    /// A program, by the name of its API key.
    Key { name: &'a str },
    /// A person who invokes a function, which IAM allows.
    Operator { name: &'a str },
    /// Penstock itself, without a person.
    System,
}

impl<'a> Actor<'a> {
    /// The word for its kind, its id and its name.
    const fn columns(self) -> (&'static str, Option<Uuid>, Option<&'a str>) {
        match self {
            Self::User { id, email } => ("user", Some(id), Some(email)),
            Self::Key { name } => ("key", None, Some(name)),
            Self::Operator { name } => ("operator", None, Some(name)),
            Self::System => ("system", None, None),
        }
    }
}

/// A change that is to be written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    pub actor: Actor<'a>,
    pub action: Action,
    /// The id or the name of the thing that was changed.
    pub object: &'a str,
    /// The number of things, if there are several.
    pub count: Option<i64>,
    /// The reason that the actor gives.
    pub why: Option<&'a str>,
    /// More about it as JSON text, without secrets and payloads.
    pub detail: Option<&'a str>,
    pub request_id: &'a str,
    /// The network address of the actor.
    pub address: Option<&'a str>,
    pub at: Timestamp,
}

impl<'a> Entry<'a> {
    /// An entry without what may be left out.
    #[must_use]
    pub const fn new(
        actor: Actor<'a>,
        action: Action,
        object: &'a str,
        request_id: &'a str,
        at: Timestamp,
    ) -> Self {
        let (count, why, detail, address) = (None, None, None, None);
        Self { actor, action, object, count, why, detail, request_id, address, at }
    }
}

/// A row of the trail.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Logged {
    pub id: Uuid,
    pub at: Timestamp,
    /// `user`, `key`, `operator` or `system`.
    pub actor_kind: String,
    /// The id of a user.
    pub actor_id: Option<Uuid>,
    /// The address of a user, or the name of a key or an operator.
    pub actor: Option<String>,
    /// The action as [`Action::as_str`] has it. A later release may have written others.
    pub action: String,
    pub object: String,
    pub count: Option<i64>,
    pub why: Option<String>,
    /// JSON text.
    pub detail: Option<String>,
    pub request_id: String,
    pub address: Option<String>,
}

/// The rows that a page shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Filter<'a> {
    /// The name of the actor.
    pub actor: Option<&'a str>,
    /// The action as [`Action::as_str`] has it.
    pub action: Option<&'a str>,
    pub object: Option<&'a str>,
    /// Rows from before this time are left out.
    pub from: Option<Timestamp>,
    /// Rows from this time on are left out.
    pub until: Option<Timestamp>,
}

/// Writes a change down. To be called inside of the transaction of the change.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn write(on: &impl GenericClient, entry: &Entry<'_>) -> Result<(), StoreError> {
    let (actor_kind, actor_id, actor) = entry.actor.columns();
    // A text column refuses NUL, and some of these were written by people.
    let (actor, why) = (actor.map(printable), entry.why.map(printable));
    let (object, detail) = (printable(entry.object), entry.detail.map(printable));
    let insert = Insert {
        id: id_at(entry.at),
        happened_at: entry.at,
        actor_kind,
        actor_id,
        actor: actor.as_deref(),
        action: entry.action.as_str(),
        object: &object,
        count: entry.count,
        why: why.as_deref(),
        detail: detail.as_deref(),
        request_id: entry.request_id,
        address: entry.address,
    };
    insert.execute(on).await?;
    Ok(())
}

/// Returns rows of the trail, newest first: at most `limit`, and those after `before` in the order
/// of the pages.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn page(
    on: &impl GenericClient,
    filter: Filter<'_>,
    before: Option<(Timestamp, Uuid)>,
    limit: i64,
) -> Result<Vec<Logged>, StoreError> {
    let Filter { actor, action, object, from, until } = filter;
    let (before, before_id) = before.unzip();
    let page = Page { actor, action, object, from, until, before, before_id, limit };
    page.rows(on).await?.iter().map(logged).collect()
}

fn logged(row: &Row) -> Result<Logged, StoreError> {
    Ok(Logged {
        id: row.read("id")?,
        at: row.read("happened_at")?,
        actor_kind: row.read("actor_kind")?,
        actor_id: row.read("actor_id")?,
        actor: row.read("actor")?,
        action: row.read("action")?,
        object: row.read("object")?,
        count: row.read("count")?,
        why: row.read("why")?,
        detail: row.read("detail")?,
        request_id: row.read("request_id")?,
        address: row.read("address")?,
    })
}
