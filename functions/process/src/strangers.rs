//! Connected accounts that are no connections: they are counted, or become connections.

use std::collections::BTreeMap;

use jiff::Timestamp;
use penstock_domain::source::Stranger;
use penstock_store::{StoreError, Transaction, connections, strange_accounts};

/// The connected accounts of a batch, by the connection that their events came to.
#[derive(Default)]
pub(crate) struct Strangers<'a>(BTreeMap<(&'a str, String), Met>);

#[derive(Default)]
struct Met {
    events: i64,
    connects: bool,
}

impl<'a> Strangers<'a> {
    /// Counts an event of an account that came to `connection`.
    pub fn count(&mut self, connection: &'a str, stranger: Stranger) {
        let Stranger { account, connects } = stranger;
        let met = self.0.entry((connection, account)).or_default();
        met.events += 1;
        met.connects = connects;
    }

    /// Connects the accounts that may become connections, and notes the others. Returns the names
    /// of those that were connected now. What their events said comes with their first runs.
    pub async fn write(
        &self,
        tx: &Transaction<'_>,
        now: Timestamp,
    ) -> Result<Vec<String>, StoreError> {
        let mut joined = Vec::new();
        let mut parents: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
        for ((connection, account), _) in self.0.iter().filter(|(_, met)| met.connects) {
            parents.entry(connection).or_default().push(account);
        }
        for (parent, accounts) in parents {
            joined.extend(connections::join(tx, parent, &accounts, now).await?);
        }
        let events = self
            .0
            .iter()
            .map(|((connection, account), met)| ((*connection, account.as_str()), met.events));
        strange_accounts::note(tx, &events.collect(), now).await?;
        Ok(joined)
    }
}
