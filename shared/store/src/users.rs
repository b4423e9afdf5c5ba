//! The `users` table: the accounts of people.

use jiff::Timestamp;
use penstock_domain::account::{Email, Role};
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

pub mod managed;

statements! {
    users.insert: Insert<'a> {
        id: Uuid,
        email: &'a str,
        name: &'a str,
        image: Option<&'a str>,
        email_verified: bool,
        role: &'a str,
        password: Option<&'a str>,
        now: Timestamp,
    }
    users.of_email: OfEmail<'a> { email: &'a str }
    users.lock: Lock { id: Uuid }
    users.lock_email: LockEmail<'a> { email: &'a str }
    users.lock_admins: LockAdmins {}
    users.set_password: SetPassword<'a> {
        id: Uuid,
        password: &'a str,
        proves_email: bool,
        now: Timestamp,
    }
    users.raise_password: RaisePassword<'a> { id: Uuid, was: &'a str, password: &'a str }
    users.set_profile: SetProfile<'a> {
        id: Uuid,
        name: Option<&'a str>,
        sets_image: bool,
        image: Option<&'a str>,
        now: Timestamp,
    }
    users.set_role: SetRole<'a> { id: Uuid, role: &'a str, now: Timestamp }
    users.set_disabled: SetDisabled { id: Uuid, disabled_at: Option<Timestamp>, now: Timestamp }
    users.page: Page {
        before: Option<Timestamp>,
        before_id: Option<Uuid>,
        now: Timestamp,
        limit: i64,
    }
}

/// An account of a person.
#[derive(Clone, PartialEq, Eq)]
pub struct User {
    pub id: Uuid,
    /// The normalized address.
    pub email: String,
    pub name: String,
    pub image: Option<String>,
    pub email_verified: bool,
    pub role: Role,
    /// The stored form of the password; `None` if it has none yet.
    pub password: Option<String>,
    /// Since when nobody can sign in.
    pub disabled_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
}

/// The hash of a password is in no output.
impl std::fmt::Debug for User {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("User")
            .field("id", &self.id)
            .field("role", &self.role)
            .finish_non_exhaustive()
    }
}

/// An account that is to be made.
#[derive(Clone, Copy)]
pub struct NewUser<'a> {
    pub id: Uuid,
    pub email: &'a Email,
    pub name: &'a str,
    pub image: Option<&'a str>,
    /// Whether a mail has reached the person at this address.
    pub email_verified: bool,
    pub role: Role,
    /// The stored form of the password.
    pub password: Option<&'a str>,
    pub now: Timestamp,
}

impl From<NewUser<'_>> for User {
    fn from(new: NewUser<'_>) -> Self {
        Self {
            id: new.id,
            email: new.email.as_str().to_owned(),
            name: new.name.to_owned(),
            image: new.image.map(str::to_owned),
            email_verified: new.email_verified,
            role: new.role,
            password: new.password.map(str::to_owned),
            disabled_at: None,
            created_at: new.now,
            updated_at: new.now,
        }
    }
}

/// An account in the list of all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    pub id: Uuid,
    /// The normalized address.
    pub email: String,
    pub name: String,
    pub image: Option<String>,
    pub email_verified: bool,
    pub role: Role,
    pub has_password: bool,
    /// Since when nobody can sign in.
    pub disabled_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub updated_at: Timestamp,
    /// The last request of a session that has not ended.
    pub last_seen_at: Option<Timestamp>,
    /// The number of sessions that are not over.
    pub sessions: i64,
}

/// The role in the column `role`.
pub(crate) fn role(row: &Row) -> Result<Role, StoreError> {
    let text: &str = row.read("role")?;
    Role::parse(text).ok_or(StoreError::Unreadable { column: "users.role" })
}

/// Makes an account. Returns false if there is one of that address.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn insert(on: &impl GenericClient, new: NewUser<'_>) -> Result<bool, StoreError> {
    let NewUser { id, email, name, image, email_verified, role, password, now } = new;
    let (email, role) = (email.as_str(), role.as_str());
    let insert = Insert { id, email, name, image, email_verified, role, password, now };
    Ok(insert.optional(on).await?.is_some())
}

/// Returns the account of an address; `None` if there is none.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails, or this release does not know the role.
pub async fn of_email(on: &impl GenericClient, email: &Email) -> Result<Option<User>, StoreError> {
    OfEmail { email: email.as_str() }.optional(on).await?.as_ref().map(user).transpose()
}

/// Returns the account of an id and locks it until the transaction ends; `None` if there is none.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails, or this release does not know the role.
pub async fn lock(on: &impl GenericClient, id: Uuid) -> Result<Option<User>, StoreError> {
    Lock { id }.optional(on).await?.as_ref().map(user).transpose()
}

/// Returns the account of an address and locks it until the transaction ends; `None` if there is
/// none.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails, or this release does not know the role.
pub async fn lock_email(
    on: &impl GenericClient,
    email: &Email,
) -> Result<Option<User>, StoreError> {
    LockEmail { email: email.as_str() }.optional(on).await?.as_ref().map(user).transpose()
}

fn user(row: &Row) -> Result<User, StoreError> {
    Ok(User {
        id: row.read("id")?,
        email: row.read("email")?,
        name: row.read("name")?,
        image: row.read("image")?,
        email_verified: row.read("email_verified")?,
        role: role(row)?,
        password: row.read("password")?,
        disabled_at: row.read("disabled_at")?,
        created_at: row.read("created_at")?,
        updated_at: row.read("updated_at")?,
    })
}

/// Whether an account is the only one that can be signed in to as an admin. All of those stay
/// locked until the transaction ends.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn is_last_admin(on: &impl GenericClient, id: Uuid) -> Result<bool, StoreError> {
    let admins = LockAdmins {}.rows(on).await?;
    let ids: Vec<Uuid> = admins.iter().map(|row| row.read("id")).collect::<Result<_, _>>()?;
    Ok(ids == [id])
}

/// Sets the stored form of a password. `proves_email`: a mail to the address led to it.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn set_password(
    on: &impl GenericClient,
    id: Uuid,
    password: &str,
    proves_email: bool,
    now: Timestamp,
) -> Result<(), StoreError> {
    SetPassword { id, password, proves_email, now }.execute(on).await?;
    Ok(())
}

/// Replaces the stored form of a password by a dearer one of the same password. Does nothing if it
/// is not `was` any more.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn raise_password(
    on: &impl GenericClient,
    id: Uuid,
    was: &str,
    password: &str,
) -> Result<(), StoreError> {
    RaisePassword { id, was, password }.execute(on).await?;
    Ok(())
}

/// Sets the name, and the picture. `None` leaves what there is, and `Some(None)` takes the picture
/// away.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn set_profile(
    on: &impl GenericClient,
    id: Uuid,
    name: Option<&str>,
    image: Option<Option<&str>>,
    now: Timestamp,
) -> Result<(), StoreError> {
    let set = SetProfile { id, name, sets_image: image.is_some(), image: image.flatten(), now };
    set.execute(on).await?;
    Ok(())
}

/// Sets the role of an account.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn set_role(
    on: &impl GenericClient,
    id: Uuid,
    role: Role,
    now: Timestamp,
) -> Result<(), StoreError> {
    SetRole { id, role: role.as_str(), now }.execute(on).await?;
    Ok(())
}

/// Sets since when nobody can sign in to an account; `None` lets people sign in again.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn set_disabled(
    on: &impl GenericClient,
    id: Uuid,
    disabled_at: Option<Timestamp>,
    now: Timestamp,
) -> Result<(), StoreError> {
    SetDisabled { id, disabled_at, now }.execute(on).await?;
    Ok(())
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
) -> Result<Vec<Listed>, StoreError> {
    let (before, before_id) = before.unzip();
    Page { before, before_id, now, limit }.rows(on).await?.iter().map(listed).collect()
}

fn listed(row: &Row) -> Result<Listed, StoreError> {
    Ok(Listed {
        id: row.read("id")?,
        email: row.read("email")?,
        name: row.read("name")?,
        image: row.read("image")?,
        email_verified: row.read("email_verified")?,
        role: role(row)?,
        has_password: row.read("has_password")?,
        disabled_at: row.read("disabled_at")?,
        created_at: row.read("created_at")?,
        updated_at: row.read("updated_at")?,
        last_seen_at: row.read("last_seen_at")?,
        sessions: row.read("sessions")?,
    })
}
