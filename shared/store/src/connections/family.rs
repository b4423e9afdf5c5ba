//! Connections beside those whose accounts they are, and what functions make of them.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use penstock_domain::config::{ConfigError, Env};
use penstock_domain::connection::Connection;

/// Connections beside those whose accounts they are.
#[derive(Debug, Default)]
pub struct Family(pub(super) Vec<Connection>);

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

/// Things that a function makes of connections, kept until they change.
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
    fn at_hand(&self, name: &str, stamp: i64) -> Option<Arc<T>> {
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
