//! The inserts into the outbox. Each is one statement around the SQL function `insert_into_outbox`.

use std::borrow::Cow;

use jiff::Timestamp;
use penstock_domain::ids::{OutboxId, RunId};
use penstock_domain::record::{Item, Media};
use tokio_postgres::{Client, Transaction};
use uuid::Uuid;

use crate::sql::{Statement, TypedParam, from_file, typed};
use crate::{Sql, StoreError};

/// The facts that all rows of one insert share.
#[derive(Debug, Clone, Copy, Default)]
pub struct Arrival<'a> {
    /// The name of the source that reads the payloads.
    pub source: &'a str,
    /// The form of the payloads.
    pub media: Media<'a>,
    /// The name of the API key, if one of our own clients sent them.
    pub sender: Option<&'a str>,
    /// The query string of the request, if one of our own clients sent it.
    pub query: Option<&'a str>,
    /// The run that fetched the rows.
    pub run: Option<RunId>,
    /// The time at which the payloads were received.
    pub received_at: Timestamp,
    /// From then on `relay` takes the rows' first ticket for lost.
    pub ticket_due_at: Timestamp,
}

/// Rows to insert, by column: the parameters of `insert_into_outbox`.
pub(crate) struct NewRows<'a> {
    source: &'a str,
    content_type: &'a str,
    content_encoding: Option<&'a str>,
    sender: Option<&'a str>,
    query: Option<&'a str>,
    run: Option<Uuid>,
    ticket_due_at: Timestamp,
    received_at: Timestamp,
    pub(crate) ids: Vec<Uuid>,
    entities: Vec<&'a str>,
    external_ids: Vec<Cow<'a, str>>,
    version_keys: Vec<Cow<'a, str>>,
    version_ats: Vec<Timestamp>,
    api_versions: Vec<Option<&'a str>>,
    payloads: Vec<&'a [u8]>,
}

/// One row to insert.
pub(crate) struct NewRow<'a> {
    pub(crate) entity: &'a str,
    pub(crate) external_id: Cow<'a, str>,
    pub(crate) version_key: Cow<'a, str>,
    pub(crate) version_at: Timestamp,
    pub(crate) api_version: Option<&'a str>,
    pub(crate) payload: &'a [u8],
}

impl<'a> NewRows<'a> {
    /// Makes the rows as they are stored at `now`. A request that had waited in a queue was
    /// received long before: its ids are of now, since the leaf of that day may be gone.
    pub(crate) fn new(
        arrival: Arrival<'a>,
        now: Timestamp,
        rows: impl ExactSizeIterator<Item = NewRow<'a>>,
    ) -> Self {
        let count = rows.len();
        let mut new = Self {
            source: arrival.source,
            content_type: arrival.media.content_type,
            content_encoding: arrival.media.content_encoding,
            sender: arrival.sender,
            query: arrival.query,
            run: arrival.run.map(|run| run.0),
            ticket_due_at: arrival.ticket_due_at,
            received_at: arrival.received_at,
            ids: OutboxId::series(now.max(arrival.received_at), count)
                .into_iter()
                .map(|id| id.0)
                .collect(),
            entities: Vec::with_capacity(count),
            external_ids: Vec::with_capacity(count),
            version_keys: Vec::with_capacity(count),
            version_ats: Vec::with_capacity(count),
            api_versions: Vec::with_capacity(count),
            payloads: Vec::with_capacity(count),
        };
        for row in rows {
            new.entities.push(row.entity);
            new.external_ids.push(row.external_id);
            new.version_keys.push(row.version_key);
            new.version_ats.push(row.version_at);
            new.api_versions.push(row.api_version);
            new.payloads.push(row.payload);
        }
        new
    }

    /// Makes the rows of what a vendor's reply or delivery holds, as they are stored at `now`.
    pub(crate) fn of_items(arrival: Arrival<'a>, now: Timestamp, items: &'a [Item<'a>]) -> Self {
        let row = |item: &'a Item<'a>| NewRow {
            entity: &item.entity,
            external_id: Cow::Borrowed(&item.external_id),
            version_key: Cow::Borrowed(&item.version_key),
            version_at: item.version_at,
            api_version: item.api_version.as_deref(),
            payload: item.payload,
        };
        Self::new(arrival, now, items.iter().map(row))
    }
}

/// Declares a statement that inserts [`NewRows`], with the parameters that it has besides.
macro_rules! insert {
    ($verb:ident: $name:ident { $($param:ident: $type:ty),* $(,)? }) => {
        insert! { $verb: $name { $($param: $type),* } with
            source: &'a str,
            content_type: &'a str,
            content_encoding: Option<&'a str>,
            sender: Option<&'a str>,
            query: Option<&'a str>,
            run: Option<Uuid>,
            ticket_due_at: Timestamp,
            received_at: Timestamp,
            ids: Vec<Uuid>,
            entities: Vec<&'a str>,
            external_ids: Vec<Cow<'a, str>>,
            version_keys: Vec<Cow<'a, str>>,
            version_ats: Vec<Timestamp>,
            api_versions: Vec<Option<&'a str>>,
            payloads: Vec<&'a [u8]>
        }
    };
    ($verb:ident: $name:ident { $($param:ident: $type:ty),* } with $($column:ident: $of:ty),*) => {
        pub(crate) struct $name<'a> {
            pub(crate) rows: &'a NewRows<'a>,
            $(pub(crate) $param: $type),*
        }

        impl<'a> Statement for $name<'a> {
            const SQL: &'static Sql =
                from_file!(in "sql"; outbox.$verb { $($column: $of,)* $($param: $type),* });

            fn params(&self) -> Vec<TypedParam<'_>> {
                vec![$(typed(&self.rows.$column),)* $(typed(&self.$param)),*]
            }
        }
    };
}

insert! { insert: Insert {} }

/// The rows of [`NewRows`] that were there before and are not processed.
struct Waiting<'a>(&'a NewRows<'a>);

impl<'a> Statement for Waiting<'a> {
    const SQL: &'static Sql = from_file!(in "sql"; outbox.waiting {
        source: &'a str,
        entities: Vec<&'a str>,
        external_ids: Vec<Cow<'a, str>>,
        version_keys: Vec<Cow<'a, str>>,
        version_ats: Vec<Timestamp>,
        received_at: Timestamp,
    });

    fn params(&self) -> Vec<TypedParam<'_>> {
        let rows = self.0;
        vec![
            typed(&rows.source),
            typed(&rows.entities),
            typed(&rows.external_ids),
            typed(&rows.version_keys),
            typed(&rows.version_ats),
            typed(&rows.received_at),
        ]
    }
}

insert! {
    insert_and_refetch: InsertAndRefetch {
        refetch_entity: &'a str,
        refetch_id: &'a str,
        livemode: Option<bool>,
        now: Timestamp,
    }
}

insert! {
    insert_under_key: InsertUnderKey {
        scope: &'a [u8],
        route: &'a str,
        key: &'a str,
        body_sha256: &'a [u8],
        now: Timestamp,
        expires_at: Timestamp,
    }
}

pub(crate) const STATEMENTS: &[&Sql] =
    &[Insert::SQL, InsertAndRefetch::SQL, InsertUnderKey::SQL, Waiting::SQL];

/// Returns those of `rows` that were there before and are not processed. `new` of them were not
/// there before.
///
/// The function that stored such a row may have got no answer in time, and so have sent no ticket.
/// Another ticket does no harm. If this fails, `relay` sends the ticket.
pub(crate) async fn waiting(on: &Client, rows: &NewRows<'_>, new: usize) -> Vec<OutboxId> {
    if new >= rows.ids.len() {
        return Vec::new();
    }
    let waiting = match Waiting(rows).rows(on).await {
        Ok(waiting) => waiting.iter().map(|row| row.read("id").map(OutboxId)).collect(),
        Err(error) => Err(error),
    };
    waiting.unwrap_or_else(|error| {
        let error = &error as &dyn std::error::Error;
        tracing::warn!(event = "waiting_rows_unknown", error);
        Vec::new()
    })
}

/// Inserts `items`, and returns the ids of the versions that were not known before.
///
/// It takes a transaction: the rows must move together with the cursor that will not come back for
/// them.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn insert(
    tx: &Transaction<'_>,
    arrival: Arrival<'_>,
    items: &[Item<'_>],
) -> Result<Vec<OutboxId>, StoreError> {
    if items.is_empty() {
        return Ok(Vec::new());
    }
    let rows = NewRows::of_items(arrival, arrival.received_at, items);
    let new = Insert { rows: &rows }.rows(tx).await?;
    new.iter().map(|row| row.read("id").map(OutboxId)).collect()
}
