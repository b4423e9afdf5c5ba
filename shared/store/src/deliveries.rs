//! Deliveries of vendors: what a webhook brought, committed before the vendor reads a reply of
//! success.

use std::slice;

use jiff::Timestamp;
use penstock_domain::ids::OutboxId;
use penstock_domain::record::Delivery;
use tokio_postgres::Client;

use crate::outbox::Arrival;
use crate::outbox::insert::{Insert, InsertAndRefetch, NewRows, waiting};
use crate::refetch::{self, Cause};
use crate::sql::Statement;
use crate::{Database, StoreError, connections};

/// The row of a delivery. There is none if the delivery only names objects.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Kept {
    /// The connection that the delivery belongs to: that of its account, if that is one.
    pub connection: String,
    /// Whether the objects that it names can be read by that connection.
    pub is_readable: bool,
    /// The row, if it is new.
    pub new: Option<OutboxId>,
    /// The row, if it was there before and is not processed yet. Its ticket may never have been
    /// sent.
    pub waiting: Option<OutboxId>,
}

/// Commits a delivery: its row, and the requests to read the objects that it only names.
///
/// A delivery of a connected account belongs to that account's connection. If the account is none,
/// the delivery stays with the connection that it came to, whose key cannot read its objects.
///
/// A version that is known makes no request either: its request was committed with it. From
/// `arrival.ticket_due_at` on `relay` takes the messages of this delivery for lost.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails. After a broken connection it is not known whether
/// the delivery was committed; storing it again does no harm.
pub async fn store(
    database: &Database,
    arrival: Arrival<'_>,
    delivery: &Delivery<'_>,
    now: Timestamp,
) -> Result<Kept, StoreError> {
    let connection = database.connection().await?;
    let client: &Client = &connection;
    let of_account = match &delivery.account {
        Some(account) => connections::of_account(client, arrival.source, account).await?,
        None => Some(arrival.source.to_owned()),
    };
    let is_readable = of_account.is_some();
    let belongs_to = of_account.unwrap_or_else(|| arrival.source.to_owned());
    let arrival = Arrival { source: &belongs_to, ..arrival };
    let refetches = if is_readable { delivery.refetches.as_slice() } else { &[] };
    let Some(item) = &delivery.item else {
        request_objects(client, arrival, refetches, now).await?;
        return Ok(Kept { connection: belongs_to, is_readable, new: None, waiting: None });
    };
    let rows = NewRows::of_items(arrival, now, slice::from_ref(item));
    // Two statements: most deliveries name no object, and Postgres would plan for one each time.
    let row = match refetches.first() {
        None => Insert { rows: &rows }.optional(client).await?,
        Some((refetch_entity, refetch_id)) => {
            let livemode = delivery.livemode;
            let insert =
                InsertAndRefetch { rows: &rows, refetch_entity, refetch_id, livemode, now };
            insert.optional(client).await?
        }
    };
    let new = row.map(|row| row.read("id").map(OutboxId)).transpose()?;
    let waiting = waiting(client, &rows, usize::from(new.is_some())).await.pop();
    drop(rows);
    Ok(Kept { connection: belongs_to, is_readable, new, waiting })
}

/// Requests the objects of a delivery that has no row. Each is requested from now on, even if it is
/// being read.
async fn request_objects(
    client: &Client,
    arrival: Arrival<'_>,
    refetches: &[(String, String)],
    now: Timestamp,
) -> Result<(), StoreError> {
    let source = arrival.source;
    let objects: Vec<(&str, &str, &str)> =
        refetches.iter().map(|(kind, id)| (source, kind.as_str(), id.as_str())).collect();
    if objects.is_empty() {
        return Ok(());
    }
    refetch::request(client, &objects, Cause::Pushed, now, arrival.ticket_due_at).await
}
