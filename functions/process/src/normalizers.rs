//! Rows of the kinds that Penstock keeps, each read by the rules of its connection.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError, RwLock};

use penstock_domain::config::{ConfigError, Env};
use penstock_domain::connection::Connection;
use penstock_domain::disposition::{Reason, ReasonKind};
use penstock_domain::facts::Facts;
use penstock_domain::intake::{self, EVENTS, LEADS};
use penstock_domain::record::RowView;
use penstock_domain::source::{Normalize, SOURCES, Source, Stranger, Whose};
use penstock_store::connections;
use penstock_store::{StoreError, Transaction};

use crate::{Reader, UNKNOWN_VENDOR};

/// Why rows of a connection wait whose settings this release cannot use.
const UNUSABLE: &str = "the settings of its connection cannot be used";

/// Reads rows by the rules of their connections.
pub struct Normalizers {
    /// Those of the first connections, by the function's variables.
    declared: BTreeMap<&'static str, Arc<dyn Normalize>>,
    /// The function's variables.
    deployment: Env,
    /// Those of connections that have a row in Postgres, by their names.
    learned: RwLock<BTreeMap<String, Learned>>,
}

/// How the rows of a connection are read that had this stamp.
struct Learned {
    stamp: i64,
    vendor: &'static str,
    /// `None` if the settings cannot be used.
    normalizer: Option<Arc<dyn Normalize>>,
}

impl Normalizers {
    /// The readers of all sources, and of leads and events. Sources that are not configured are
    /// among them: their rows may still be in the outbox.
    ///
    /// # Errors
    /// If a source's variable cannot be used; the error names it.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let own: [(_, Arc<dyn Normalize>); 2] = [
            (LEADS, Arc::new(intake::normalize::lead)),
            (EVENTS, Arc::new(intake::normalize::event)),
        ];
        let (declared, deployment) = (own.into(), env.clone());
        let mut all = Self { declared, deployment, learned: RwLock::default() };
        for source in SOURCES {
            all.add(*source, env)?;
        }
        Ok(all)
    }

    /// Adds the reader of a source, in place of one of the same name.
    ///
    /// # Errors
    /// As [`Self::from_env`].
    pub fn add(&mut self, source: &dyn Source, env: &Env) -> Result<(), ConfigError> {
        self.insert(source.name(), source.normalizer(env)?);
        Ok(())
    }

    /// Reads the rows of the source called `name` by `normalizer` from now on.
    pub fn insert(&mut self, name: &'static str, normalizer: Box<dyn Normalize>) {
        self.declared.insert(name, normalizer.into());
    }

    /// Returns the reader of a connection's rows. `Err` if its settings cannot be used.
    fn of(&self, name: &str) -> Result<Option<Arc<dyn Normalize>>, &'static str> {
        let learned = self.learned.read().unwrap_or_else(PoisonError::into_inner);
        match learned.get(name) {
            Some(Learned { normalizer: Some(normalizer), .. }) => Ok(Some(Arc::clone(normalizer))),
            Some(Learned { normalizer: None, .. }) => Err(UNUSABLE),
            None => Ok(self.declared.get(name).cloned()),
        }
    }

    /// Whether the rows of a connection that has this stamp are read as it was learned.
    fn knows(&self, name: &str, stamp: i64) -> bool {
        let learned = self.learned.read().unwrap_or_else(PoisonError::into_inner);
        learned.get(name).is_some_and(|known| known.stamp == stamp)
    }

    fn make(&self, connection: &Connection, env: &Env) -> Result<Arc<dyn Normalize>, ConfigError> {
        if connection.is_declared()
            && let Some(declared) = self.declared.get(connection.name.as_str())
        {
            return Ok(Arc::clone(declared));
        }
        connection.vendor()?.normalizer(env).map(Arc::from)
    }
}

impl Reader for Normalizers {
    type Facts<'a> = Facts<'a>;

    async fn learn(
        &self,
        on: &Transaction<'_>,
        connections: &BTreeMap<&str, i64>,
    ) -> Result<(), StoreError> {
        let news = connections.iter().filter(|(name, stamp)| !self.knows(name, **stamp));
        let names: Vec<&str> = news.map(|(name, _)| *name).collect();
        if names.is_empty() {
            return Ok(());
        }
        let family = connections::find(on, &names).await?;
        for connection in names.iter().filter_map(|name| family.get(name)) {
            let (name, stamp) = (connection.name.clone(), family.stamp(connection));
            let env = family.env(connection, &self.deployment);
            let normalizer = env.and_then(|env| self.make(connection, &env));
            if let Err(error) = &normalizer {
                let error = error.to_string();
                tracing::error!(event = "connection_unusable", source = name, error);
            }
            let mut learned = self.learned.write().unwrap_or_else(PoisonError::into_inner);
            let vendor = connection.vendor().map_or(UNKNOWN_VENDOR, |source| source.name());
            learned.insert(name, Learned { stamp, vendor, normalizer: normalizer.ok() });
        }
        Ok(())
    }

    fn read<'a>(&self, row: RowView<'a>) -> Result<Facts<'a>, Reason> {
        match self.of(row.source) {
            Ok(Some(normalizer)) => normalizer.normalize(row),
            Ok(None) | Err(_) => {
                let why = format!("no source is called {:?}", row.source);
                Err(Reason::new(ReasonKind::Invalid, why))
            }
        }
    }

    fn whose(&self, row: RowView<'_>) -> Whose {
        match self.of(row.source) {
            Ok(Some(normalizer)) => normalizer.whose(row),
            Ok(None) => Whose::Ours,
            Err(why) => Whose::Unknown(why),
        }
    }

    fn vendor(&self, connection: &str) -> &'static str {
        let learned = self.learned.read().unwrap_or_else(PoisonError::into_inner);
        let learned = learned.get(connection).map(|known| known.vendor);
        let declared = self.declared.get_key_value(connection).map(|(name, _)| *name);
        learned.or(declared).unwrap_or(UNKNOWN_VENDOR)
    }

    fn stranger(&self, row: RowView<'_>) -> Option<Stranger> {
        self.of(row.source).ok().flatten().and_then(|normalizer| normalizer.stranger(row))
    }

    fn unreadable<'a>(&self, row: RowView<'a>, why: ReasonKind) -> Facts<'a> {
        let normalizer = self.of(row.source).ok().flatten();
        normalizer.map(|normalizer| normalizer.unreadable(row, why)).unwrap_or_default()
    }
}
