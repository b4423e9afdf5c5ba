//! A transaction that was accepted while Postgres was away, on its way into its table.

use jiff::Timestamp;
use penstock_domain::intake::{Proof, Sender};
use penstock_domain::transaction::SpilledTransaction;
use tokio_postgres::GenericClient;

use super::{New, TakenIn, take_in};
use crate::StoreError;
use crate::api_keys::{self, Standing};

/// The outcome of bringing a spilled transaction in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum BroughtIn {
    /// Its sender may send it. Postgres has taken it in, or had something under its id.
    Taken(TakenIn),
    /// Its API key could not be looked up when it came. It was revoked, may not send, or is no
    /// longer known.
    Unauthorized,
}

/// Returns the name of the sender, which is looked up if it was not when the transaction came.
async fn name_of(on: &impl GenericClient, sender: &Sender) -> Result<Option<String>, StoreError> {
    if sender.proof == Proof::LookedUp && sender.name.is_some() {
        return Ok(sender.name.clone());
    }
    Ok(match api_keys::standing(on, &sender.id).await? {
        Standing::MaySend(name) => Some(name),
        Standing::MayNot(_) | Standing::Unknown => None,
    })
}

/// Stores a spilled transaction as it would have been stored when it came, once.
///
/// # Errors
/// As [`take_in`].
pub async fn bring_in(
    on: &impl GenericClient,
    spilled: &SpilledTransaction,
    message_due_at: Timestamp,
) -> Result<BroughtIn, StoreError> {
    let Some(sender) = name_of(on, &spilled.sender).await? else {
        return Ok(BroughtIn::Unauthorized);
    };
    let new = New {
        id: spilled.id,
        sender: &sender,
        body: &spilled.body,
        body_sha256: &spilled.body_sha256(),
        deadline: spilled.deadline,
    };
    Ok(BroughtIn::Taken(take_in(on, &new, message_due_at, spilled.received_at).await?))
}
