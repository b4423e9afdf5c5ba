//! The `account_links` table: links that work once. The table has the SHA-256 of each token.

use jiff::Timestamp;
use penstock_domain::account::{Email, Role, link::Kind};
use penstock_domain::clock::later;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    account_links.insert: Insert<'a> {
        id: Uuid,
        kind: &'a str,
        token_sha256: &'a [u8],
        email: &'a str,
        role: Option<&'a str>,
        user_id: Option<Uuid>,
        now: Timestamp,
        expires_at: Timestamp,
    }
    account_links.withdraw: Withdraw<'a> { email: &'a str, kind: &'a str }
    account_links.withdraw_all: WithdrawAll<'a> { email: &'a str }
    account_links.find: Find<'a> { token_sha256: &'a [u8], now: Timestamp }
    account_links.use_up: UseUp<'a> { token_sha256: &'a [u8], now: Timestamp }
}

/// A link that has not been used, or is being used now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Link {
    pub id: Uuid,
    pub kind: Kind,
    /// The normalized address of the person.
    pub email: String,
    /// The role that an invitation gives.
    pub role: Option<Role>,
    /// The account; `None` if an invitation is to make it.
    pub user_id: Option<Uuid>,
    pub created_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A link that is to be made.
#[derive(Debug, Clone, Copy)]
pub struct NewLink<'a> {
    pub id: Uuid,
    pub kind: Kind,
    pub token_sha256: &'a [u8; 32],
    pub email: &'a Email,
    /// The role that an invitation gives.
    pub role: Option<Role>,
    /// The account; an invitation may have none.
    pub user_id: Option<Uuid>,
    pub now: Timestamp,
}

/// Makes a link. Older ones of the same kind and address work no more. To be called inside of a
/// transaction. Returns when it ends.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn insert(on: &impl GenericClient, new: NewLink<'_>) -> Result<Timestamp, StoreError> {
    let NewLink { id, kind, token_sha256, email, role, user_id, now } = new;
    let (email, expires_at) = (email.as_str(), later(now, kind.lasts()));
    let (kind, role) = (kind.as_str(), role.map(Role::as_str));
    Withdraw { email, kind }.execute(on).await?;
    Insert { id, kind, token_sha256, email, role, user_id, now, expires_at }.execute(on).await?;
    Ok(expires_at)
}

/// Takes all links of an address back that were not used.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn withdraw_all(on: &impl GenericClient, email: &str) -> Result<(), StoreError> {
    WithdrawAll { email }.execute(on).await?;
    Ok(())
}

/// Returns the link of a token, and leaves it as it is; `None` if it is none, used or over.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails, or this release does not know a word of the row.
pub async fn find(
    on: &impl GenericClient,
    token_sha256: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Link>, StoreError> {
    Find { token_sha256, now }.optional(on).await?.as_ref().map(read).transpose()
}

/// Uses the link of a token up; `None` if it is none, used or over. If the transaction is rolled
/// back, the link works again.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails, or this release does not know a word of the row.
pub async fn use_up(
    on: &impl GenericClient,
    token_sha256: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Link>, StoreError> {
    UseUp { token_sha256, now }.optional(on).await?.as_ref().map(read).transpose()
}

fn read(row: &Row) -> Result<Link, StoreError> {
    let unreadable = |column| StoreError::Unreadable { column };
    let role: Option<&str> = row.read("role")?;
    let role = role.map(|text| Role::parse(text).ok_or(unreadable("account_links.role")));
    Ok(Link {
        id: row.read("id")?,
        kind: Kind::parse(row.read("kind")?).ok_or(unreadable("account_links.kind"))?,
        email: row.read("email")?,
        role: role.transpose()?,
        user_id: row.read("user_id")?,
        created_at: row.read("created_at")?,
        expires_at: row.read("expires_at")?,
    })
}
