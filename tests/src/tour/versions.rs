//! Checks that a second pull writes no row.

use std::collections::{BTreeMap, BTreeSet};

use tokio_postgres::Client;

use super::TourError;
use crate::stack::StackError;

/// The physical version of each pulled row in Postgres. A row that was written again has another.
pub(super) struct Versions(BTreeMap<(String, String), String>);

impl Versions {
    pub(super) async fn read(on: &Client) -> Result<Self, TourError> {
        let sql = "select source || ' ' || kind, external_id, format('%s %s', xmin, ctid) from payments \
                   union all select source || ' contact', external_id, format('%s %s', xmin, ctid) from contacts \
                   union all select source || ' event', external_id, format('%s %s', xmin, ctid) from calendar_events";
        let rows = on.query(sql, &[]).await.map_err(StackError::from)?;
        Ok(Self(rows.iter().map(|row| ((row.get(0), row.get(1)), row.get(2))).collect()))
    }

    /// Returns the number of rows.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Compares the versions with later ones.
    ///
    /// # Errors
    ///
    /// [`TourError::Wrong`] if a row was added, removed or written again.
    pub(super) fn must_equal(&self, later: &Self) -> Result<(), TourError> {
        let keys: BTreeSet<_> = self.0.keys().chain(later.0.keys()).collect();
        let changed: Vec<_> =
            keys.into_iter().filter(|key| self.0.get(*key) != later.0.get(*key)).collect();
        if changed.is_empty() {
            return Ok(());
        }
        let named: Vec<_> =
            changed.iter().take(5).map(|(kind, id)| format!("{kind} {id}")).collect();
        Err(TourError::Wrong(format!(
            "{} rows changed, such as {}",
            changed.len(),
            named.join(", ")
        )))
    }
}
