//! How long ago each pull last succeeded. `/readyz` and the alarm on the most stale pull read this.
//!
//! A pull here is what changes in one entity of one connection. A connection that a person has
//! paused is listed, and is never stale.

use std::cmp::Reverse;
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::clock::elapsed;
use penstock_domain::connection::State;
use penstock_domain::fetch_request::Mode;
use penstock_domain::source::{SOURCES, Source};
use tokio_postgres::GenericClient;

use crate::sql::{Statement, statements};
use crate::{Row, StoreError};

statements! {
    freshness.pulls: Pulls<'a> {
        declared: &'a [&'a str],
        sources: &'a [&'a str],
        entities: &'a [&'a str],
    }
    freshness.expect: Expect<'a> {
        sources: &'a [&'a str],
        entities: &'a [&'a str],
        now: Timestamp,
    }
}

/// A pull of what changes in one entity of a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pull {
    /// The vendor's name.
    pub source: String,
    /// The name of the connection.
    pub connection: String,
    /// The kind of object that is pulled.
    pub entity: String,
    /// The connection is pulled; otherwise a person has paused it.
    pub is_active: bool,
    /// The end of its last successful run, if one has succeeded.
    pub last_success: Option<Timestamp>,
    /// The time from which its silence counts; `None` if `relay` has yet to see it.
    pub silent_since: Option<Timestamp>,
}

impl Pull {
    /// Returns for how long it has been silent. A pull that is not known yet, or whose connection
    /// is paused, is not silent.
    pub fn lag(&self, now: Timestamp) -> Duration {
        let counts = self.silent_since.filter(|_| self.is_active);
        counts.map_or(Duration::ZERO, |since| elapsed(since, now))
    }
}

/// Returns the pulls of all connections that are active or paused, by connection and entity.
/// `declared` is the names of the sources whose first connections the template declares.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn pulls(on: &impl GenericClient, declared: &[&str]) -> Result<Vec<Pull>, StoreError> {
    let (sources, entities) = incremental(SOURCES.iter().copied());
    let rows = Pulls { declared, sources: &sources, entities: &entities }.rows(on).await?;
    rows.iter().map(read).collect()
}

/// Returns the pull that has been silent for longest, if any connection is active.
pub fn stalest(pulls: &[Pull], now: Timestamp) -> Option<&Pull> {
    let active = pulls.iter().filter(|pull| pull.is_active);
    // Of equals the first by name.
    active.min_by_key(|pull| (Reverse(pull.lag(now)), &pull.connection, &pull.entity))
}

/// Writes down that the pulls of declared connections are known from `now` on. So a pull that never
/// succeeds, and never even begins, is silent since then.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn expect(
    on: &impl GenericClient,
    declared: &[&str],
    now: Timestamp,
) -> Result<(), StoreError> {
    let is_declared = |source: &&dyn Source| declared.contains(&source.name());
    let (sources, entities) = incremental(SOURCES.iter().copied().filter(is_declared));
    Expect { sources: &sources, entities: &entities, now }.execute(on).await.map(drop)
}

/// The names of these sources and their incremental entities, as two columns.
fn incremental(
    sources: impl Iterator<Item = &'static dyn Source>,
) -> (Vec<&'static str>, Vec<&'static str>) {
    let pairs = sources.flat_map(|source| {
        source.entities(Mode::Incremental).iter().map(move |entity| (source.name(), *entity))
    });
    pairs.unzip()
}

fn read(row: &Row) -> Result<Pull, StoreError> {
    Ok(Pull {
        source: row.read("source")?,
        connection: row.read("connection")?,
        entity: row.read("entity")?,
        is_active: row.read::<&str>("state")? == State::Active.as_str(),
        last_success: row.read("last_success")?,
        silent_since: row.read("silent_since")?,
    })
}
