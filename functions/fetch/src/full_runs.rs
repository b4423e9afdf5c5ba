//! Full runs that replace a cursor which cannot be used.

use jiff::Timestamp;
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::Mode;
use penstock_store::sync_state::pending::{self, Unless};
use penstock_store::{StoreError, Transaction};

use crate::vendors::Vendor;

/// Requests the full runs that make up for the cursor of `entity`, and returns the entities for
/// which this call requested one.
///
/// A full run of the entity itself will do. An entity without a full list, such as Stripe's events,
/// needs full runs of everything.
pub(crate) async fn request<C: Clock>(
    tx: &Transaction<'_>,
    vendor: &Vendor<C>,
    entity: &str,
    reason: &str,
    unless: Unless,
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let all = vendor.source().entities(Mode::Full);
    let own = [entity];
    let entities = if all.contains(&entity) { &own } else { all };
    pending::request(tx, vendor.name(), entities, Mode::Full, Some(reason), unless, now).await
}
