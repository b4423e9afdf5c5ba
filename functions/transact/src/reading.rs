//! `GET /transactions`, newest first, and `GET /transactions/{id}`.

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::transaction::State;
use penstock_edge::http::{Call, Cursor, Failure, Query, Reply};
use penstock_store::StoreError;
use penstock_store::transactions::{self, History, Listed, Page};
use uuid::Uuid;

use crate::caller::Caller;
use crate::reply::{TransactionDetail, TransactionsReply};
use crate::{Ports, done, unknown};

pub(crate) const DEFAULT_LIMIT: i64 = 50;
pub(crate) const MOST: i64 = 100;

/// No transaction came in before.
const EARLIEST: Timestamp = Timestamp::UNIX_EPOCH;

/// No transaction comes in then or later: the end of the year 9998.
const LATEST: Timestamp = Timestamp::constant(253_370_764_800, 0);

/// Takes the parameters: `status`, `limit` (1 to 100, default 50), `cursor` (of the page before).
fn asked(query: &mut Query) -> Page {
    let status = query.take_as("status", |text| {
        let words = || State::ALL.map(State::as_str).join(", ");
        State::parse(text).ok_or_else(|| format!("must be one of {}", words()))
    });
    let limit = query.take_number("limit", 1, MOST).unwrap_or(DEFAULT_LIMIT);
    let cursor = Cursor::take(query, |cursor| (EARLIEST..=LATEST).contains(&cursor.at));
    Page { status, before: cursor.map(|cursor| (cursor.at, cursor.id)), limit }
}

/// `GET /transactions`
pub(crate) async fn list<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    mut call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let mut query = std::mem::take(&mut call.query);
    let page = asked(&mut query);
    query.finish()?;
    // One more than requested shows whether there is a next page.
    let asked = Page { limit: page.limit + 1, ..page };
    let mut listed = ports.database.in_time_or_again(|| ports.page(asked)).await?;
    let end = |last: &Listed| Cursor { at: last.received_at, id: last.id };
    let next_cursor = Cursor::cut(&mut listed, page.limit, end);
    done(&TransactionsReply::new(listed, next_cursor))
}

/// `GET /transactions/{id}`: an id that is no UUID is a transaction that does not exist.
pub(crate) async fn find<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let id = id_of_path(&call)?;
    let history = ports.database.in_time_or_again(|| ports.history(id)).await?;
    done(&TransactionDetail::from(history.ok_or_else(unknown)?))
}

/// Returns the id in the path.
pub(crate) fn id_of_path(call: &Call<'_, Caller>) -> Result<Uuid, Failure> {
    call.path("id").and_then(|id| Uuid::try_parse(&id).ok()).ok_or_else(unknown)
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    async fn page(&self, page: Page) -> Result<Vec<Listed>, StoreError> {
        transactions::page(&**self.database.connection().await?, page).await
    }

    pub(crate) async fn history(&self, id: Uuid) -> Result<Option<History>, StoreError> {
        transactions::history(&**self.database.connection().await?, id).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(raw: &str) -> Result<Page, Vec<String>> {
        let mut query = Query::parse(raw);
        let page = asked(&mut query);
        match query.finish() {
            Ok(()) => Ok(page),
            Err(problem) => Err(problem.errors.into_iter().map(|error| error.pointer).collect()),
        }
    }

    #[test]
    fn a_page_is_asked_for_by_status_limit_and_cursor() {
        let page = read("").unwrap();
        assert_eq!((page.status, page.before, page.limit), (None, None, DEFAULT_LIMIT));
        let cursor = Cursor { at: Timestamp::UNIX_EPOCH, id: Uuid::from_u128(7) };
        let text = cursor.text();
        let page = read(&format!("status=needs_review&limit=100&cursor={text}")).unwrap();
        assert_eq!((page.status, page.limit), (Some(State::NeedsReview), MOST));
        assert_eq!(page.before, Some((cursor.at, cursor.id)));
    }

    #[test]
    fn what_is_no_status_limit_or_cursor_is_named() {
        let negative = Cursor { at: Timestamp::MIN, id: Uuid::nil() }.text();
        for (raw, at) in [
            ("status=done".to_owned(), "#/query/status"),
            ("limit=0".to_owned(), "#/query/limit"),
            ("limit=101".to_owned(), "#/query/limit"),
            ("cursor=x".to_owned(), "#/query/cursor"),
            (format!("cursor={negative}"), "#/query/cursor"),
            ("page=2".to_owned(), "#/query/page"),
        ] {
            assert_eq!(read(&raw).unwrap_err(), [at], "{raw}");
        }
    }
}
