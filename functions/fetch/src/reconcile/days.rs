//! Adds up a page by day, and chooses the days to mend next.

use std::time::Duration;

use jiff::civil::Date;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan};
use penstock_clients::vendor::VendorError;
use penstock_domain::clock::{Clock, later};
use penstock_domain::ids::OutboxId;
use penstock_domain::paging::Position;
use penstock_domain::reconcile::{self, DaySums};
use penstock_domain::record::{Item, JSON, RowView};
use penstock_domain::source::{OwnAccount, Whose};
use penstock_store::{StoreError, Transaction, reconciliations};

use super::Work;
use crate::vendors::Vendor;

/// Returns the sums of a page. Payments inside other objects, such as refunds that are rendered in
/// a charge, are added only as their own list shows them. An object that cannot be read becomes a
/// dead letter, and counts on neither side.
///
/// # Errors
/// [`VendorError::Setup`] if the list is not of the deployment's own account: compared with it,
/// everything we have would be too much.
pub(super) fn sums<C: Clock>(
    vendor: &Vendor<C>,
    kind: &str,
    items: &[Item<'_>],
    own: OwnAccount,
) -> Result<DaySums, VendorError> {
    let source = vendor.name();
    let mut sums = DaySums::new();
    for item in items {
        let row = RowView {
            id: OutboxId::new(item.version_at),
            source,
            entity: &item.entity,
            external_id: &item.external_id,
            version_at: item.version_at,
            payload: item.payload,
            media: JSON,
            own,
        };
        match vendor.normalizer.whose(row) {
            Whose::Ours => {}
            Whose::NotOurs(reason) => {
                let why =
                    format!("the list is not of this deployment's account: {}", reason.as_str());
                return Err(VendorError::Setup(why));
            }
            Whose::Unknown(reason) => return Err(VendorError::Setup(reason.to_owned())),
        }
        match vendor.normalizer.normalize(row) {
            Ok(facts) => {
                for payment in facts.payments.iter().map(|fact| &fact.value) {
                    if payment.kind.as_str() == kind {
                        reconcile::add(&mut sums, payment);
                    }
                }
            }
            Err(reason) => {
                let id = &item.external_id;
                tracing::warn!(
                    event = "cannot_compare",
                    source,
                    kind,
                    id,
                    error = reason.kind.as_str()
                );
            }
        }
    }
    Ok(sums)
}

/// The window of the newest days that differed in the round before.
pub(super) async fn first(
    tx: &Transaction<'_>,
    work: &Work<'_>,
) -> Result<Option<Position>, StoreError> {
    window(tx, work, None).await
}

/// The window of the next such days, further back; `None` if all are done.
pub(super) async fn next(
    tx: &Transaction<'_>,
    work: &Work<'_>,
) -> Result<Option<Position>, StoreError> {
    let day = |at: Timestamp| at.to_zoned(TimeZone::UTC).date();
    match work.run.at.position.from {
        Some(from) => window(tx, work, Some(day(from))).await,
        None => Ok(None),
    }
}

async fn window(
    tx: &Transaction<'_>,
    work: &Work<'_>,
    before: Option<Date>,
) -> Result<Option<Position>, StoreError> {
    let days = reconciliations::next_days(tx, work.run.at.id, work.state.round - 1, before).await?;
    let start = |day: Date| day.to_zoned(TimeZone::UTC).map(|midnight| midnight.timestamp()).ok();
    let window = days
        .and_then(|(first, last)| Some((start(first)?, start(last.checked_add(1.day()).ok()?)?)));
    // Not past the upper bound of the run. It is a second, and all of it counts.
    let bound = later(work.run.at.upper_bound, Duration::from_secs(1));
    Ok(window.map(|(from, to)| Position { from: Some(from), to: to.min(bound), token: None }))
}
