//! The `connections` table: the accounts that were connected while the system runs, and where each
//! stands. A connection that the template declares has a row only if somebody has paused it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use penstock_domain::config::{ConfigError, Env};
use penstock_domain::connection::{Account, Connection, State};
use penstock_domain::source::{self, Source};
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

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
    let state: &str = row.read("state")?;
    let settings: &str = row.read("settings")?;
    let unreadable = |column| StoreError::Unreadable { column };
    Ok(Connection {
        name: row.read("name")?,
        source: row.read("source")?,
        account: parent.zip(account).map(|(parent, id)| Account { parent, id }),
        settings: serde_json::from_str(settings).map_err(|_| unreadable("settings"))?,
        key_secret: row.read("key_secret")?,
        signing_secret: row.read("signing_secret")?,
        state: State::read(state).ok_or_else(|| unreadable("state"))?,
        revision: row.read("revision")?,
    })
}

/// Connections beside those whose accounts they are.
#[derive(Debug, Default)]
pub struct Family(Vec<Connection>);

impl Family {
    /// Returns the connection of that name.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&Connection> {
        self.0.iter().find(|connection| connection.name == name)
    }

    /// Returns a number that is another one whenever the connection or its parent has changed.
    #[must_use]
    pub fn stamp(&self, connection: &Connection) -> i64 {
        connection.revision + self.parent(connection).map_or(0, |parent| parent.revision)
    }

    /// Returns the variables of a connection in a deployment that has these.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if this release does not know its source.
    pub fn env(&self, connection: &Connection, deployment: &Env) -> Result<Env, ConfigError> {
        match self.parent(connection) {
            Some(parent) => connection.env(&parent.env(deployment)?),
            None => connection.env(deployment),
        }
    }

    fn parent(&self, connection: &Connection) -> Option<&Connection> {
        connection.account.as_ref().and_then(|account| self.get(&account.parent))
    }
}

/// What a function makes of connections, kept until they change.
#[derive(Debug)]
pub struct Made<T: ?Sized> {
    deployment: Env,
    kept: Mutex<HashMap<String, (i64, Arc<T>)>>,
}

impl<T: ?Sized> Default for Made<T> {
    fn default() -> Self {
        Self::over(Env::default())
    }
}

impl<T: ?Sized> Made<T> {
    /// Creates an empty store. `deployment` is the variables of the function.
    #[must_use]
    pub fn over(deployment: Env) -> Self {
        Self { deployment, kept: Mutex::default() }
    }

    /// Returns what was made of the connection when it last had this stamp.
    #[must_use]
    pub fn at_hand(&self, name: &str, stamp: i64) -> Option<Arc<T>> {
        let kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.get(name).filter(|(known, _)| *known == stamp).map(|(_, made)| Arc::clone(made))
    }

    /// Returns what `make` makes of a connection and its variables, or has made of it before.
    ///
    /// # Errors
    /// The error of `make`, or of [`Family::env`].
    pub fn of(
        &self,
        family: &Family,
        connection: &Connection,
        make: impl FnOnce(&Env) -> Result<Arc<T>, ConfigError>,
    ) -> Result<Arc<T>, ConfigError> {
        let stamp = family.stamp(connection);
        if let Some(made) = self.at_hand(&connection.name, stamp) {
            return Ok(made);
        }
        let made = make(&family.env(connection, &self.deployment)?)?;
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        kept.insert(connection.name.clone(), (stamp, Arc::clone(&made)));
        Ok(made)
    }
}
