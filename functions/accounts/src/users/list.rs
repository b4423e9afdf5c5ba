//! `GET /users`: all accounts, newest first.

use jiff::Timestamp;
use penstock_domain::clock::Clock;
use penstock_edge::http::{Call, Cursor, Failure, Query, Reply};
use penstock_store::StoreError;
use penstock_store::users::{self, Listed};

use crate::Ports;
use crate::caller::Caller;
use crate::reply::{ListedUser, UsersReply, done};

pub(crate) const DEFAULT_LIMIT: i64 = 50;
pub(crate) const MOST: i64 = 100;

/// No account was made before.
const EARLIEST: Timestamp = Timestamp::UNIX_EPOCH;

/// No account is made then or later: the end of the year 9998.
const LATEST: Timestamp = Timestamp::constant(253_370_764_800, 0);

/// Takes the parameters: `limit` (1 to 100, default 50), `cursor` (of the page before).
fn asked(query: &mut Query) -> (i64, Option<Cursor>) {
    let limit = query.take_number("limit", 1, MOST).unwrap_or(DEFAULT_LIMIT);
    (limit, Cursor::take(query, |cursor| (EARLIEST..=LATEST).contains(&cursor.at)))
}

/// `GET /users`
pub(crate) async fn list<C: Clock>(
    ports: &Ports<C>,
    mut call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    let mut query = std::mem::take(&mut call.query);
    let (limit, cursor) = asked(&mut query);
    query.finish()?;
    let before = cursor.map(|cursor| (cursor.at, cursor.id));
    let page = async {
        let connection = ports.database.connection().await?;
        // One more than requested shows whether there is a next page.
        users::page(&**connection, before, call.now, limit + 1).await
    };
    let mut listed = ports.database.in_time::<_, StoreError>(page).await?;
    let end = |last: &Listed| Cursor { at: last.created_at, id: last.id };
    let next_cursor = Cursor::cut(&mut listed, limit, end);
    let users = listed.into_iter().map(ListedUser::from).collect();
    done(&call, None, &UsersReply { users, next_cursor })
}
