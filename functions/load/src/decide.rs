//! The next file to load. It is decided by one invocation at a time for each table.

use penstock_clients::bigquery::BigQuery;
use penstock_clients::objects::Objects;
use penstock_domain::analytics;
use penstock_domain::clock::Clock;
use penstock_store::loads::rebuilds::{self, Next};
use penstock_store::loads::{self, Load, targets};
use penstock_store::{StoreError, begin, commit};

use crate::Ports;

/// The next step of a table.
pub(crate) enum Decided {
    /// There is nothing to do, or not yet.
    Nothing,
    /// A file.
    Load(Load),
    /// A day.
    Rebuild(Next),
}

/// So many files are noted at once as to be loaded.
const NOTED: i64 = 50;

impl<C: Clock, O: Objects> Ports<C, O> {
    /// Returns how often the table was made, if there is anything to do for it.
    pub(crate) async fn is_due(
        &self,
        bigquery: &BigQuery<C>,
        table: &analytics::Table,
    ) -> Result<Option<i32>, StoreError> {
        let (now, target) = (self.clock.now(), bigquery.place().to_string());
        let looking = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            let held = targets::hold(&tx, table.name, &target, now).await?;
            let rests = held.rests_until.is_some_and(|until| until > now);
            let is_due = !rests && targets::is_due(&tx, table.name, now).await?;
            commit(tx).await?;
            if held.is_moved {
                tracing::warn!(event = "bigquery_moved", table = table.name, target);
            }
            Ok(is_due.then_some(held.made))
        };
        self.database.in_time(looking).await
    }

    /// Decides what is next. A load or a copy that begins is committed by it. Days that are to be
    /// replaced come first: somebody may have been erased from them.
    pub(crate) async fn decide(
        &self,
        bigquery: &BigQuery<C>,
        table: &analytics::Table,
    ) -> Result<Decided, StoreError> {
        let (now, target) = (self.clock.now(), bigquery.place().to_string());
        let (table, target) = (table.name, target.as_str());
        let deciding = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            targets::hold(&tx, table, target, now).await?;
            let decided = match loads::running(&tx, table).await? {
                Some(load) => Decided::Load(load),
                None => match rebuilds::next(&tx, table, now).await? {
                    Some(next) => Decided::Rebuild(next),
                    None => {
                        let mut load = loads::next(&tx, table, now).await?;
                        if load.is_none() && loads::add(&tx, table, NOTED, now).await? > 0 {
                            load = loads::next(&tx, table, now).await?;
                        }
                        load.map_or(Decided::Nothing, Decided::Load)
                    }
                },
            };
            commit(tx).await?;
            Ok(decided)
        };
        self.database.in_time(deciding).await
    }
}
