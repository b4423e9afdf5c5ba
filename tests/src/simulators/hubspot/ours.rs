//! What our tables say of a portal, to be compared with its truth.

use std::collections::BTreeMap;

use tokio_postgres::{Client, Error, Row};

use super::state::HubSpotPortal;
use super::truth::{ContactTruth, DealTruth};

/// Our contacts by id; of one that is gone only that, and what it went into.
///
/// # Errors
/// Postgres' own.
pub async fn contacts(on: &Client) -> Result<BTreeMap<String, ContactTruth>, Error> {
    let sql = "select external_id, email, phone, first_name, last_name, merged_into, deleted_at is not null \
               from contacts where source = 'hubspot'";
    let read = |row: &Row| {
        let deleted = row.get(6);
        let fields = if deleted { Default::default() } else { [1, 2, 3, 4].map(|i| row.get(i)) };
        (row.get(0), ContactTruth { fields, deleted, merged_into: row.get(5) })
    };
    Ok(on.query(sql, &[]).await?.iter().map(read).collect())
}

/// Our deals that count, by id, each with its status.
///
/// # Errors
/// Postgres' own.
pub async fn deals(on: &Client) -> Result<BTreeMap<String, (DealTruth, String)>, Error> {
    let sql = "select external_id, amount, currency, raw_status, \
               (extract(epoch from occurred_at) * 1000)::bigint, status \
               from payments where source = 'hubspot' and status <> 'canceled'";
    let read = |row: &Row| {
        let deal = DealTruth {
            amount: row.get(1),
            currency: row.get(2),
            stage: row.get(3),
            closed_ms: row.get(4),
        };
        (row.get(0), (deal, row.get(5)))
    };
    Ok(on.query(sql, &[]).await?.iter().map(read).collect())
}

impl HubSpotPortal {
    /// The contacts that we must have where we have `known`: what was gone before we came is known only where HubSpot
    /// still says so.
    #[must_use]
    pub fn contacts_due(
        &self,
        known: &BTreeMap<String, ContactTruth>,
    ) -> BTreeMap<String, ContactTruth> {
        let mut due = self.contacts_truth();
        due.retain(|id, contact| !contact.deleted || known.contains_key(id));
        due
    }

    /// The deals that we must have, by a deployment's own map of stages: with what HubSpot's own stages mean.
    #[must_use]
    pub fn deals_due(&self) -> BTreeMap<String, (DealTruth, String)> {
        let status = |stage: &str| match stage {
            "closedwon" | "paid" => "collected",
            "closedlost" => "failed",
            _ => "pending",
        };
        let due = self.deals_truth().into_iter();
        due.map(|(id, deal)| (id, (deal.clone(), status(&deal.stage).to_owned()))).collect()
    }
}
