//! The `connections` table: the accounts that were connected while the system runs, and where each
//! stands. A connection that the template declares has a row only if somebody has paused it.

pub(crate) mod accounts;
pub mod erasing;
mod family;
pub mod removal;

pub use accounts::{join, of_account};
pub use family::{Family, Made};
pub use removal::{Removal, remove};

use penstock_domain::connection::{Account, Connection, State};
use penstock_domain::source::{self, Source};
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

pub mod change;

statements! {
    connections.all: All {}
    connections.find: Find<'a> { names: &'a [&'a str] }
}

/// Returns all connections that have a row, by name.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails, or if a row cannot be read.
pub async fn all(on: &impl GenericClient) -> Result<Vec<Connection>, StoreError> {
    All {}.rows(on).await?.iter().map(read).collect()
}

/// Returns those connections of these names that have a row, and those whose accounts they are.
///
/// # Errors
/// As [`all`].
pub async fn find(on: &impl GenericClient, names: &[&str]) -> Result<Family, StoreError> {
    let rows = Find { names }.rows(on).await?;
    Ok(Family(rows.iter().map(read).collect::<Result<_, _>>()?))
}

/// Returns the source of the connection called `name`, whatever its state; `None` if it has none
/// that this release knows.
///
/// # Errors
/// As [`all`].
pub async fn source_of(
    on: &impl GenericClient,
    name: &str,
) -> Result<Option<&'static dyn Source>, StoreError> {
    let family = find(on, &[name]).await?;
    Ok(source::find(family.get(name).map_or(name, |row| &row.source)))
}

fn read(row: &Row) -> Result<Connection, StoreError> {
    let parent: Option<String> = row.read("parent")?;
    let account: Option<String> = row.read("account")?;
    let settings: &str = row.read("settings")?;
    let unreadable = |column| StoreError::Unreadable { column };
    Ok(Connection {
        name: row.read("name")?,
        source: row.read("source")?,
        account: parent.zip(account).map(|(parent, id)| Account { parent, id }),
        settings: serde_json::from_str(settings).map_err(|_| unreadable("connections.settings"))?,
        key_secret: row.read("key_secret")?,
        signing_secret: row.read("signing_secret")?,
        state: state(row)?,
        revision: row.read("revision")?,
    })
}

fn state(row: &Row) -> Result<State, StoreError> {
    State::read(row.read("state")?).ok_or(StoreError::Unreadable { column: "connections.state" })
}
