//! Connections of accounts that are read with another connection's key.

use jiff::Timestamp;
use penstock_domain::connection::name_of_account;
use penstock_domain::fetch_request::Mode;
use tokio_postgres::{GenericClient, Transaction};

use super::source_of;
use crate::StoreError;
use crate::sql::{Statement, statements};
use crate::sync_state::pending::{self, Unless};

statements! {
    connections.of_account: OfAccount<'a> { connection: &'a str, account: &'a str }
    connections.join: Join<'a> {
        source: &'a str,
        parent: &'a str,
        names: &'a [String],
        accounts: &'a [&'a str],
        now: Timestamp,
    }
}

/// Why the first runs of such a connection are requested.
const REASON: &str = "the account has become a connection";

/// Returns the name of the connection that an account's events belong to which come to
/// `connection`; `None` if the account is no connection.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn of_account(
    on: &impl GenericClient,
    connection: &str,
    account: &str,
) -> Result<Option<String>, StoreError> {
    let row = OfAccount { connection, account }.optional(on).await?;
    row.map(|row| row.read("name")).transpose()
}

/// Makes connections of accounts whose events came to `parent`, and requests their first runs.
/// Returns the names of those that were made.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn join(
    tx: &Transaction<'_>,
    parent: &str,
    accounts: &[&str],
    now: Timestamp,
) -> Result<Vec<String>, StoreError> {
    let Some(source) = source_of(tx, parent).await? else { return Ok(Vec::new()) };
    let names: Vec<String> =
        accounts.iter().map(|account| name_of_account(parent, account)).collect();
    let join = Join { source: source.name(), parent, names: &names, accounts, now };
    let mut made = Vec::new();
    for row in join.rows(tx).await? {
        let name: String = row.read("name")?;
        let (entities, mode) = (source.entities(Mode::Incremental), Mode::Incremental);
        let unless = Unless::RequestedOrUnderWay;
        pending::request(tx, &name, entities, mode, Some(REASON), unless, now).await?;
        made.push(name);
    }
    Ok(made)
}
