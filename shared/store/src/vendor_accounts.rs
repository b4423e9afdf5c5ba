//! The `vendor_accounts` table: what is known of the accounts whose keys `fetch` has. `process`
//! reads it with the rows that it claims.

use jiff::Timestamp;
use penstock_domain::source::OwnAccount;
use tokio_postgres::GenericClient;

use crate::StoreError;
use crate::outbox::own_account;
use crate::sql::{Statement, statements};

statements! {
    vendor_accounts.find: Find<'a> { source: &'a str }
    vendor_accounts.keep: Keep<'a> {
        source: &'a str,
        livemode: Option<bool>,
        currency: Option<&'a str>,
        unknown: Option<&'a str>,
        asked_at: Timestamp,
    }
}

/// A vendor's account as it was learned, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Known {
    /// The account, as far as it is known.
    pub own: OwnAccount,
    /// When the vendor was asked last.
    pub asked_at: Timestamp,
}

/// Which parts are known otherwise than before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Changed {
    /// The mode: rows may wait for it.
    pub mode: bool,
    /// The currency, and there are payments that were read without it.
    pub currency: bool,
}

/// Returns what is known of the account of `source`, or `None` if nothing was kept yet.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn find(on: &impl GenericClient, source: &str) -> Result<Option<Known>, StoreError> {
    let Some(row) = Find { source }.optional(on).await? else { return Ok(None) };
    Ok(Some(Known { own: own_account(&row)?, asked_at: row.read("asked_at")? }))
}

/// Keeps what the vendor said when it was asked at `asked_at`. What it did not say stays as it was;
/// `unknown` is why it did not. An answer to a later request that is kept already counts more.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn keep(
    on: &impl GenericClient,
    source: &str,
    own: OwnAccount,
    unknown: Option<&str>,
    asked_at: Timestamp,
) -> Result<Changed, StoreError> {
    let (livemode, currency) = (own.livemode, own.currency.as_ref().map(|code| code.as_str()));
    let row = Keep { source, livemode, currency, unknown, asked_at }.one(on).await?;
    Ok(Changed { mode: row.read("mode_changed")?, currency: row.read("currency_changed")? })
}
