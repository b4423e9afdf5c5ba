//! HubSpot: every contact and every deal of a portal.

use penstock_testkit::TestDatabase;

use super::assert_same;
use crate::simulators::hubspot::{HubSpotSimulator, contacts, deals};

/// Everything that our tables say is what the portal's are.
///
/// # Panics
/// Where it is not.
pub async fn assert_true(db: &TestDatabase, portal: &HubSpotSimulator) {
    let client = db.client().await;
    let ours = contacts(&client).await.expect("the contacts");
    assert_same("contacts", &ours, &portal.portal().contacts_due(&ours));
    assert_same("deals", &deals(&client).await.expect("the deals"), &portal.portal().deals_due());
}
