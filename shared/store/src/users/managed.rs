//! The accounts of people as admins manage them in the console. No statement here reads the stored
//! form of a password.

use jiff::Timestamp;
use penstock_domain::account::{Email, Role};
use tokio_postgres::GenericClient;
use uuid::Uuid;

use super::role;
use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    users.listed: Page {
        before: Option<Timestamp>,
        before_id: Option<Uuid>,
        now: Timestamp,
        limit: i64,
    }
    users.one: One { id: Uuid, now: Timestamp }
    users.hold: Hold { id: Uuid }
    users.named: Named<'a> { email: &'a str }
}

/// An account as a page shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Managed {
    pub id: Uuid,
    /// The normalized address.
    pub email: String,
    pub name: String,
    pub role: Role,
    /// Since when nobody can sign in.
    pub disabled_at: Option<Timestamp>,
    pub created_at: Timestamp,
    /// The last request of a session that has not ended.
    pub last_seen_at: Option<Timestamp>,
    /// The number of sessions that are not over.
    pub sessions: i64,
}

fn managed(row: &Row) -> Result<Managed, StoreError> {
    Ok(Managed {
        id: row.read("id")?,
        email: row.read("email")?,
        name: row.read("name")?,
        role: role(row)?,
        disabled_at: row.read("disabled_at")?,
        created_at: row.read("created_at")?,
        last_seen_at: row.read("last_seen_at")?,
        sessions: row.read("sessions")?,
    })
}

/// Returns accounts, newest first: at most `limit`, and those after `before` in the order of the
/// pages.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails, or this release does not know a role.
pub async fn page(
    on: &impl GenericClient,
    before: Option<(Timestamp, Uuid)>,
    now: Timestamp,
    limit: i64,
) -> Result<Vec<Managed>, StoreError> {
    let (before, before_id) = before.unzip();
    Page { before, before_id, now, limit }.rows(on).await?.iter().map(managed).collect()
}

/// An account that is locked for a change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Held {
    /// The normalized address.
    pub email: String,
    pub role: Role,
    /// Since when nobody can sign in.
    pub disabled_at: Option<Timestamp>,
}

/// Returns the account of an id; `None` if there is none.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails, or this release does not know the role.
pub async fn one(
    on: &impl GenericClient,
    id: Uuid,
    now: Timestamp,
) -> Result<Option<Managed>, StoreError> {
    One { id, now }.optional(on).await?.as_ref().map(managed).transpose()
}

/// Locks the account of an id until the transaction ends; `None` if there is none. A change that
/// takes an admin away first asks [`is_last_admin`](super::is_last_admin), which locks all
/// admins in one order.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails, or this release does not know the role.
pub async fn hold(on: &impl GenericClient, id: Uuid) -> Result<Option<Held>, StoreError> {
    let held = |row: &Row| {
        let (email, disabled_at) = (row.read("email")?, row.read("disabled_at")?);
        Ok(Held { email, role: role(row)?, disabled_at })
    };
    Hold { id }.optional(on).await?.as_ref().map(held).transpose()
}

/// Returns the id of the account of an address; `None` if there is none.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn named(on: &impl GenericClient, email: &Email) -> Result<Option<Uuid>, StoreError> {
    let row = Named { email: email.as_str() }.optional(on).await?;
    row.map(|row| row.read("id")).transpose()
}
