//! Objects that are gone by their ids are asked for once more, a few minutes later.
//!
//! The object by its id may be behind, and an object may be restored within seconds. Its version is
//! then stamped no later than the tombstone, and loses. The second request comes when nothing is
//! behind any more: its reply is newer than both.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::clock::{Clock, elapsed};
use penstock_domain::fetch_request::Mode;
use penstock_store::{StoreError, Transaction, outbox, refetch};

use crate::vendors::Vendor;

/// The time until `relay` sends the second request.
const AFTER: Duration = Duration::from_secs(5 * 60);

/// Two replies agree, or the later one counts, if they are at least this long apart. No vendor is
/// behind for longer.
const APART: Duration = Duration::from_secs(60);

/// The time for which a tombstone counts as the first of two such replies.
const FIRST_FOR: Duration = Duration::from_secs(2 * 60 * 60);

/// Returns whether a reply has to be confirmed: it is the first to say that the object is gone, or
/// it shows an object that was gone a moment ago. Call it before the reply's own row is inserted.
pub(crate) async fn is_due(
    tx: &Transaction<'_>,
    object: (&str, &str, &str),
    is_gone: bool,
    now: Timestamp,
) -> Result<bool, StoreError> {
    let Some(since) = outbox::gone_since(tx, object).await? else { return Ok(is_gone) };
    let ago = elapsed(since, now);
    Ok(ago < APART || is_gone && ago > FIRST_FOR)
}

/// Asks for objects once more, of which one reply is all that is known.
pub(crate) async fn later<C: Clock>(
    tx: &Transaction<'_>,
    vendor: &Vendor<C>,
    entity: &str,
    ids: &[String],
    now: Timestamp,
) -> Result<(), StoreError> {
    if ids.is_empty() || !vendor.source().entities(Mode::Refetch).contains(&entity) {
        return Ok(());
    }
    refetch::request_later(tx, vendor.name(), entity, ids, now, now + AFTER).await
}
