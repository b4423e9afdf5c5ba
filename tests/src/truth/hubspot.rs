//! HubSpot: every contact and every deal of a portal.

use std::collections::BTreeMap;

use penstock_testkit::TestDatabase;
use tokio_postgres::{Client, Error, Row};

use super::assert_same;
use crate::simulators::hubspot::{ContactTruth, DealTruth, HubSpotPortal, HubSpotSimulator};

/// Reads our contacts, by id. A deleted contact has no fields, only the contact that it was merged
/// into.
///
/// # Errors
///
/// Postgres refuses the query or cannot be reached.
pub async fn contacts(on: &Client) -> Result<BTreeMap<String, ContactTruth>, Error> {
    contacts_of(on, "hubspot").await
}

/// As [`contacts`], of the connection of that name.
///
/// # Errors
///
/// As [`contacts`].
pub async fn contacts_of(
    on: &Client,
    connection: &str,
) -> Result<BTreeMap<String, ContactTruth>, Error> {
    let sql = "select external_id, email, phone, first_name, last_name, merged_into, deleted_at is not null \
               from contacts where source = $1";
    let read = |row: &Row| {
        let deleted = row.get(6);
        let fields = if deleted { Default::default() } else { [1, 2, 3, 4].map(|i| row.get(i)) };
        (row.get(0), ContactTruth { fields, deleted, merged_into: row.get(5) })
    };
    Ok(on.query(sql, &[&connection]).await?.iter().map(read).collect())
}

/// Reads our deals, by id, each with its status. Canceled deals count for nothing and are left out.
///
/// # Errors
///
/// Postgres refuses the query or cannot be reached.
pub async fn deals(on: &Client) -> Result<BTreeMap<String, (DealTruth, String)>, Error> {
    deals_of(on, "hubspot").await
}

/// As [`deals`], of the connection of that name.
///
/// # Errors
///
/// As [`deals`].
pub async fn deals_of(
    on: &Client,
    connection: &str,
) -> Result<BTreeMap<String, (DealTruth, String)>, Error> {
    let sql = "select external_id, amount, currency, raw_status, \
               (extract(epoch from occurred_at) * 1000)::bigint, status \
               from payments where source = $1 and status <> 'canceled'";
    let read = |row: &Row| {
        let deal = DealTruth {
            amount: row.get(1),
            currency: row.get(2),
            stage: row.get(3),
            closed_ms: row.get(4),
        };
        (row.get(0), (deal, row.get(5)))
    };
    Ok(on.query(sql, &[&connection]).await?.iter().map(read).collect())
}

/// Returns the contacts that the tables must hold. A contact that was deleted before the first run
/// is due only if `known` has it, since HubSpot may not list it any more.
#[must_use]
pub fn contacts_due(
    portal: &HubSpotPortal,
    known: &BTreeMap<String, ContactTruth>,
) -> BTreeMap<String, ContactTruth> {
    let mut due = portal.contacts_truth();
    due.retain(|id, contact| !contact.deleted || known.contains_key(id));
    due
}

/// Returns the deals that the tables must hold, with the status of each stage. The map of stages is
/// written here a second time, so that it checks the product's.
#[must_use]
pub fn deals_due(portal: &HubSpotPortal) -> BTreeMap<String, (DealTruth, String)> {
    let status = |stage: &str| match (stage, portal.deals_have_flags) {
        ("closedwon" | "paid", _) | ("48231231", true) => "collected",
        ("closedlost", _) | ("48231232", true) => "failed",
        ("48231230" | "48231231" | "48231232", false) => "unmapped",
        _ => "pending",
    };
    let due = portal.deals_truth().into_iter();
    due.map(|(id, deal)| (id, (deal.clone(), status(&deal.stage).to_owned()))).collect()
}

/// Asserts that contacts and deals are the portal's, field by field.
///
/// # Panics
/// A row is wrong, missing, or not in the portal.
pub async fn assert_true(db: &TestDatabase, hubspot: &HubSpotSimulator) {
    assert_true_of(db, "hubspot", hubspot).await;
}

/// As [`assert_true`], of the connection of that name.
///
/// # Panics
/// As [`assert_true`].
pub async fn assert_true_of(db: &TestDatabase, connection: &str, hubspot: &HubSpotSimulator) {
    let client = db.client().await;
    let ours = contacts_of(&client, connection).await.expect("the contacts");
    assert_same(connection, &ours, &contacts_due(&hubspot.portal(), &ours));
    let ours = deals_of(&client, connection).await.expect("the deals");
    assert_same(connection, &ours, &deals_due(&hubspot.portal()));
}
