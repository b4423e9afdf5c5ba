//! HubSpot: every contact and every deal of a portal.

use std::collections::BTreeMap;

use penstock_testkit::TestDatabase;

use super::assert_same;
use crate::hubspot::{ContactTruth, Portal};

/// Amount in minor units, currency, our status, HubSpot's stage, when it was closed in Unix milliseconds.
pub type Deal = (i64, String, String, String, i64);

/// Our contacts by id; of one that is gone only that, and what it went into.
///
/// # Panics
/// Where Postgres gives none.
pub async fn contacts(db: &TestDatabase) -> BTreeMap<String, ContactTruth> {
    let sql = "select external_id, email, phone, first_name, last_name, merged_into, deleted_at is not null \
               from contacts where source = 'hubspot'";
    let rows = db.client().await.query(sql, &[]).await.expect("the contacts");
    let read = |row: &tokio_postgres::Row| {
        let deleted = row.get(6);
        let fields = if deleted { Default::default() } else { [1, 2, 3, 4].map(|i| row.get(i)) };
        (row.get(0), ContactTruth { fields, deleted, merged_into: row.get(5) })
    };
    rows.iter().map(read).collect()
}

/// Our deals that count, by id.
///
/// # Panics
/// Where Postgres gives none.
pub async fn deals(db: &TestDatabase) -> BTreeMap<String, Deal> {
    let sql = "select external_id, amount, currency, status, raw_status, (extract(epoch from occurred_at) * 1000)::bigint \
               from payments where source = 'hubspot' and status <> 'canceled'";
    let rows = db.client().await.query(sql, &[]).await.expect("the deals");
    rows.iter().map(|r| (r.get(0), (r.get(1), r.get(2), r.get(3), r.get(4), r.get(5)))).collect()
}

/// Everything that our tables say is what the portal's are.
///
/// # Panics
/// Where it is not.
pub async fn assert_true(db: &TestDatabase, portal: &Portal) {
    let contacts = contacts(db).await;
    let mut true_contacts = portal.world().contacts_truth();
    // What was gone before we came is known only where HubSpot still says so.
    true_contacts.retain(|id, contact| !contact.deleted || contacts.contains_key(id));
    assert_same("contacts", &contacts, &true_contacts);
    let mut true_deals = BTreeMap::new();
    for (id, deal) in portal.world().deals_truth() {
        let status = match deal.stage.as_str() {
            "closedwon" | "paid" => "collected",
            "closedlost" => "failed",
            _ => "pending",
        };
        true_deals.insert(id, (deal.amount, deal.currency, status.to_owned(), deal.stage, deal.closed_ms));
    }
    assert_same("deals", &deals(db).await, &true_deals);
}
