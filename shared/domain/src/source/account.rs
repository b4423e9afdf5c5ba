//! The account that a deployment pulls: what its vendor says of it, and which rows are about it.

use crate::own_account::OwnAccount;
use crate::paging::{PageError, Paging, Reply, Request};

/// How it is learned what the account is. `fetch` asks before the first page of a run, and seldom
/// again.
pub trait AccountRules: Sync + Send {
    /// Returns the facts that follow from the key alone, such as from its prefix.
    fn told_by_key(&self, _key: &str) -> OwnAccount {
        OwnAccount::default()
    }

    /// The request for everything else; `None` if the key says all.
    fn request(&self, _paging: &Paging) -> Option<Request> {
        None
    }

    /// The ending of the variable by which a deployment says what the vendor would be asked, such
    /// as `CURRENCY`. If it is set, the vendor is not asked.
    fn setting(&self) -> Option<&'static str> {
        None
    }

    /// Reads the reply to that request.
    ///
    /// # Errors
    /// [`PageError`] if it is not what was asked for.
    fn read(&self, _reply: Reply<'_>) -> Result<OwnAccount, PageError> {
        Ok(OwnAccount::default())
    }

    /// The entities whose rows the currency decides. Full runs of them are requested when it
    /// becomes known or changes, because rows that are processed are not read again.
    fn counted_in_currency(&self) -> &'static [&'static str] {
        &[]
    }
}

/// Whose row it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Whose {
    /// The deployment's own.
    Ours,
    /// Of another account or mode: it is stored and counted in `/stats`, and is no revenue.
    NotOurs(NotOurs),
    /// It is not known yet. The row waits for this reason.
    Unknown(&'static str),
}

/// A connected account that is not configured, and is no connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stranger {
    /// The vendor's id of the account.
    pub account: String,
    /// Whether it becomes a connection by itself.
    pub connects: bool,
}

/// Why a row is not the deployment's own.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum NotOurs {
    /// Test data, where the deployment's account is live.
    TestMode,
    /// Live data, where the deployment's account is in test mode.
    LiveMode,
    /// Of an account that is connected to the deployment's own, and not configured.
    ConnectedAccount,
}

impl NotOurs {
    /// Returns the word in `not_ours.reason`.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::TestMode => "test_mode",
            Self::LiveMode => "live_mode",
            Self::ConnectedAccount => "connected_account",
        }
    }
}
