//! The `sessions` table. A session is a row; it ends when the row goes. The table has the SHA-256
//! of each token, so that whoever reads it cannot sign in (trap 57).

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::account::{Role, session};
use penstock_domain::clock::earlier;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError, users};

statements! {
    sessions.find: Find<'a> {
        token_sha256: &'a [u8],
        now: Timestamp,
        expires_at: Timestamp,
        renew_before: Timestamp,
        seen_before: Timestamp,
        touch: bool,
    }
    sessions.insert: Insert<'a> {
        id: Uuid,
        user_id: Uuid,
        token_sha256: &'a [u8],
        remembered: bool,
        address: Option<&'a str>,
        user_agent: Option<&'a str>,
        now: Timestamp,
        expires_at: Timestamp,
    }
    sessions.of_user: OfUser { user_id: Uuid, now: Timestamp, limit: i64 }
    sessions.end_token: EndToken<'a> { token_sha256: &'a [u8] }
    sessions.end_one: EndOne { id: Uuid, user_id: Uuid }
    sessions.end_all: EndAll { user_id: Uuid, but: Option<Uuid> }
}

/// The time of a session's last request is written once in this time at most.
const SEEN_EVERY: Duration = Duration::from_secs(60);

/// The most sessions of a user that are listed.
const MOST_LISTED: i64 = 100;

/// A session that was found by its token, with its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// Names the session in replies. It opens nothing.
    pub id: Uuid,
    pub user_id: Uuid,
    /// The normalized address of the user.
    pub email: String,
    pub name: String,
    pub image: Option<String>,
    pub email_verified: bool,
    pub role: Role,
    pub user_created_at: Timestamp,
    pub user_updated_at: Timestamp,
    /// Whether it is renewed. If not, it ends with the browser or after a day.
    pub remembered: bool,
    /// The network address that has signed in.
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
    pub renewed_at: Timestamp,
    pub expires_at: Timestamp,
    /// Whether it was renewed just now. Then the browser gets its cookie again.
    pub renewed: bool,
}

/// A session in the list of its user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Names the session in replies. It opens nothing.
    pub id: Uuid,
    pub user_id: Uuid,
    pub remembered: bool,
    /// The network address that has signed in.
    pub address: Option<String>,
    pub user_agent: Option<String>,
    pub created_at: Timestamp,
    pub renewed_at: Timestamp,
    pub last_seen_at: Timestamp,
    pub expires_at: Timestamp,
}

/// A session that is to begin.
#[derive(Debug, Clone, Copy)]
pub struct NewSession<'a> {
    pub id: Uuid,
    pub user_id: Uuid,
    pub token_sha256: &'a [u8; 32],
    pub remembered: bool,
    pub address: Option<&'a str>,
    pub user_agent: Option<&'a str>,
    pub now: Timestamp,
}

/// Returns the session of a token; `None` if there is none, it is over, or its user is disabled. A
/// session that is older than a day is renewed.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails, or this release does not know the role.
pub async fn find(
    on: &impl GenericClient,
    token_sha256: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Session>, StoreError> {
    look_up(on, token_sha256, now, true).await
}

/// Returns the session of a token as [`find`] does, and leaves it as it is.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails, or this release does not know the role.
pub async fn peek(
    on: &impl GenericClient,
    token_sha256: &[u8; 32],
    now: Timestamp,
) -> Result<Option<Session>, StoreError> {
    look_up(on, token_sha256, now, false).await
}

async fn look_up(
    on: &impl GenericClient,
    token_sha256: &[u8; 32],
    now: Timestamp,
    touch: bool,
) -> Result<Option<Session>, StoreError> {
    let find = Find {
        token_sha256,
        now,
        expires_at: session::expires_at(now, true),
        renew_before: earlier(now, session::RENEWED_AFTER),
        seen_before: earlier(now, SEEN_EVERY),
        touch,
    };
    find.optional(on).await?.as_ref().map(found).transpose()
}

fn found(row: &Row) -> Result<Session, StoreError> {
    Ok(Session {
        id: row.read("id")?,
        user_id: row.read("user_id")?,
        email: row.read("email")?,
        name: row.read("name")?,
        image: row.read("image")?,
        email_verified: row.read("email_verified")?,
        role: users::role(row)?,
        user_created_at: row.read("user_created_at")?,
        user_updated_at: row.read("user_updated_at")?,
        remembered: row.read("remembered")?,
        address: row.read("address")?,
        user_agent: row.read("user_agent")?,
        created_at: row.read("created_at")?,
        renewed_at: row.read("renewed_at")?,
        expires_at: row.read("expires_at")?,
        renewed: row.read("renewed")?,
    })
}

/// Begins a session. Returns false if its user is disabled, or is none.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn insert(on: &impl GenericClient, new: NewSession<'_>) -> Result<bool, StoreError> {
    let NewSession { id, user_id, token_sha256, remembered, address, user_agent, now } = new;
    let expires_at = session::expires_at(now, remembered);
    let insert =
        Insert { id, user_id, token_sha256, remembered, address, user_agent, now, expires_at };
    Ok(insert.execute(on).await? == 1)
}

/// Returns the newest sessions of a user that are not over.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn of_user(
    on: &impl GenericClient,
    user_id: Uuid,
    now: Timestamp,
) -> Result<Vec<Listed>, StoreError> {
    let listed = |row: &Row| {
        Ok(Listed {
            id: row.read("id")?,
            user_id: row.read("user_id")?,
            remembered: row.read("remembered")?,
            address: row.read("address")?,
            user_agent: row.read("user_agent")?,
            created_at: row.read("created_at")?,
            renewed_at: row.read("renewed_at")?,
            last_seen_at: row.read("last_seen_at")?,
            expires_at: row.read("expires_at")?,
        })
    };
    let of_user = OfUser { user_id, now, limit: MOST_LISTED };
    of_user.rows(on).await?.iter().map(listed).collect()
}

/// Ends the session of a token, if there is one.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn end_token(on: &impl GenericClient, token_sha256: &[u8; 32]) -> Result<(), StoreError> {
    EndToken { token_sha256 }.execute(on).await?;
    Ok(())
}

/// Ends one session of a user. Returns false if the user has no such session.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn end(on: &impl GenericClient, user_id: Uuid, id: Uuid) -> Result<bool, StoreError> {
    Ok(EndOne { id, user_id }.execute(on).await? == 1)
}

/// Ends all sessions of a user but `but`, and returns their number.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn end_all(
    on: &impl GenericClient,
    user_id: Uuid,
    but: Option<Uuid>,
) -> Result<u64, StoreError> {
    EndAll { user_id, but }.execute(on).await
}
