//! Rows of the kinds that Penstock keeps, each read by the rules of its source.

use std::collections::BTreeMap;

use penstock_domain::config::{ConfigError, Env};
use penstock_domain::disposition::{Reason, ReasonKind};
use penstock_domain::facts::Facts;
use penstock_domain::intake::{self, EVENTS, LEADS};
use penstock_domain::record::RowView;
use penstock_domain::source::{Normalize, SOURCES, Source, Whose};

use crate::Reader;

/// Reads rows by the rules of their sources.
pub struct Normalizers(BTreeMap<&'static str, Box<dyn Normalize>>);

impl Normalizers {
    /// The readers of all sources, and of leads and events. Sources that are not configured are
    /// among them: their rows may still be in the outbox.
    ///
    /// # Errors
    /// If a source's variable cannot be used; the error names it.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let own: [(_, Box<dyn Normalize>); 2] = [
            (LEADS, Box::new(intake::normalize::lead)),
            (EVENTS, Box::new(intake::normalize::event)),
        ];
        let mut all = Self(own.into());
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
        self.0.insert(name, normalizer);
    }
}

impl Reader for Normalizers {
    type Facts<'a> = Facts<'a>;

    fn read<'a>(&self, row: RowView<'a>) -> Result<Facts<'a>, Reason> {
        match self.0.get(row.source) {
            Some(normalizer) => normalizer.normalize(row),
            None => {
                let why = format!("no source is called {:?}", row.source);
                Err(Reason::new(ReasonKind::Invalid, why))
            }
        }
    }

    fn whose(&self, row: RowView<'_>) -> Whose {
        self.0.get(row.source).map_or(Whose::Ours, |normalizer| normalizer.whose(row))
    }

    fn unreadable<'a>(&self, row: RowView<'a>, why: ReasonKind) -> Facts<'a> {
        let normalizer = self.0.get(row.source);
        normalizer.map(|normalizer| normalizer.unreadable(row, why)).unwrap_or_default()
    }
}
