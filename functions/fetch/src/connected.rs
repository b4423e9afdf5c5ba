//! The connection that a request names: declared by the template, or made while the system runs.

use std::ops::Deref;
use std::sync::Arc;

use penstock_clients::aws::Aws;
use penstock_domain::clock::Clock;
use penstock_domain::config::{ConfigError, Env};
use penstock_domain::connection::State;
use penstock_store::Database;
use penstock_store::connections::{self, Made};

use crate::error::FetchError;
use crate::vendors::{self, Vendor};

/// The connections that were made while the system runs, as `fetch` reaches them.
pub struct Connections<C> {
    made: Made<Vendor<C>>,
    aws: Arc<Aws>,
}

impl<C> Default for Connections<C> {
    fn default() -> Self {
        Self::over(Env::default(), Arc::default())
    }
}

impl<C> Connections<C> {
    /// Creates them for a function with these variables. Each is read from Postgres when a request
    /// names it.
    #[must_use]
    pub fn over(env: Env, aws: Arc<Aws>) -> Self {
        Self { made: Made::over(env), aws }
    }
}

/// A connection as a request meets it.
pub(crate) enum Connected<'p, C> {
    /// It can be pulled.
    Reached(Reached<'p, C>),
    /// It is paused or removed.
    AtRest(State),
    /// It was made of this source, and this release cannot reach it.
    Unusable(String, ConfigError),
    /// No connection has this name, or the template no longer declares it.
    Unknown,
}

/// A vendor that can be pulled.
pub(crate) enum Reached<'p, C> {
    Declared(&'p Vendor<C>),
    Made(Arc<Vendor<C>>),
}

impl<C> Deref for Reached<'_, C> {
    type Target = Vendor<C>;

    fn deref(&self) -> &Vendor<C> {
        match self {
            Self::Declared(vendor) => vendor,
            Self::Made(vendor) => vendor,
        }
    }
}

impl<C: Clock + Clone> Connections<C> {
    /// Returns the connection called `name`; `declared` are those of the template.
    pub(crate) async fn find<'p>(
        &self,
        database: &Database,
        declared: &'p [Vendor<C>],
        name: &str,
        clock: &C,
    ) -> Result<Connected<'p, C>, FetchError> {
        let family = connections::find(&**database.connection().await?, &[name]).await?;
        let row = family.get(name);
        if let Some(row) = row.filter(|row| row.state != State::Active) {
            return Ok(Connected::AtRest(row.state));
        }
        if let Some(row) = row.filter(|row| !row.is_declared()) {
            let reach = |env: &Env| vendors::connect(row, env, &self.aws, clock);
            return Ok(match self.made.of(&family, row, reach) {
                Ok(vendor) => Connected::Reached(Reached::Made(vendor)),
                Err(error) => Connected::Unusable(row.source.clone(), error),
            });
        }
        let declared = declared.iter().find(|vendor| vendor.name() == name);
        Ok(declared
            .map_or(Connected::Unknown, |vendor| Connected::Reached(Reached::Declared(vendor))))
    }
}
