//! Transactions as they are shown. The body of a transaction is not: it may hold data of people.

use jiff::Timestamp;
use penstock_domain::transaction::{Failure, State};
use penstock_store::notifications::Notification;
use penstock_store::transactions::{Attempt, Change, Conflict, History, Listed};
use serde::Serialize;
use uuid::Uuid;

/// The words for the state of a transaction.
#[cfg(feature = "contract")]
pub(crate) const STATES: [&str; 6] = {
    let mut words = [""; 6];
    let mut n = 0;
    while n < words.len() {
        words[n] = State::ALL[n].as_str();
        n += 1;
    }
    words
};

/// A transaction.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Transaction"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransactionItem {
    /// Its client's id.
    id: Uuid,
    /// The state. Nothing that happens by itself changes `completed`, `declined` and `failed`.
    #[cfg_attr(feature = "contract", schemars(extend("enum" = STATES)))]
    status: &'static str,
    /// The last word about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    /// The cause of `failed`. `theirs`: the third party says so. `refused`: it refused the only
    /// submission. `not_done`: it was given up, and nothing is with the third party.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(
        feature = "contract",
        schemars(extend("enum" = ["theirs", "refused", "not_done", null]))
    )]
    failure: Option<&'static str>,
    received_at: Timestamp,
    updated_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
}

impl From<Listed> for TransactionItem {
    fn from(listed: Listed) -> Self {
        let Listed { id, state, failure, reason, received_at, updated_at, ended_at } = listed;
        let failure = failure.map(Failure::as_str);
        Self { id, status: state.as_str(), reason, failure, received_at, updated_at, ended_at }
    }
}

/// A page of transactions, newest first.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Transactions"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransactionsReply {
    transactions: Vec<TransactionItem>,
    /// The `cursor` of the next page, if there is one.
    next_cursor: Option<String>,
}

impl TransactionsReply {
    pub(crate) fn new(listed: Vec<Listed>, next_cursor: Option<String>) -> Self {
        let transactions = listed.into_iter().map(TransactionItem::from).collect();
        Self { transactions, next_cursor }
    }
}

/// A transaction with its history.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "contract",
    derive(schemars::JsonSchema),
    schemars(rename = "TransactionDetail")
)]
#[serde(rename_all = "camelCase")]
pub(crate) struct TransactionDetail {
    #[serde(flatten)]
    transaction: TransactionItem,
    /// Submissions that may have reached the third party.
    submissions: u32,
    /// The instant at which it is given up.
    deadline: Timestamp,
    /// The time of the next step; null if nothing happens by itself.
    next_action_at: Option<Timestamp>,
    /// The changes of its state, oldest first.
    history: Vec<ChangeItem>,
    /// The submissions, oldest first.
    attempts: Vec<AttemptItem>,
    /// Words of the third party against its final state. They are not applied.
    conflicts: Vec<ConflictItem>,
    /// The messages to its client, oldest first.
    notifications: Vec<NotificationItem>,
}

/// A change of a transaction's state.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "contract",
    derive(schemars::JsonSchema),
    schemars(rename = "TransactionChange")
)]
struct ChangeItem {
    /// The state afterwards.
    status: String,
    /// `client`, `submission`, `question`, `call_back`, `time` or `operator`.
    cause: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    at: Timestamp,
}

/// A submission.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "contract",
    derive(schemars::JsonSchema),
    schemars(rename = "TransactionAttempt")
)]
#[serde(rename_all = "camelCase")]
struct AttemptItem {
    /// Counted from 1.
    number: i32,
    begun_at: Timestamp,
    /// Missing if it is under way, or was cut off.
    #[serde(skip_serializing_if = "Option::is_none")]
    ended_at: Option<Timestamp>,
    /// The sense of the reply.
    #[serde(skip_serializing_if = "Option::is_none")]
    outcome: Option<String>,
}

/// A word of the third party against a final state.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "contract",
    derive(schemars::JsonSchema),
    schemars(rename = "TransactionConflict")
)]
#[serde(rename_all = "camelCase")]
struct ConflictItem {
    /// The word: `completed`, `declined` or `failed`.
    said: String,
    /// `submission`, `question` or `call_back`.
    cause: String,
    /// The state that it contradicts.
    status: String,
    /// The number of times that it came.
    times: i32,
    first_at: Timestamp,
    last_at: Timestamp,
}

/// A message to the client.
#[derive(Debug, Serialize)]
#[cfg_attr(
    feature = "contract",
    derive(schemars::JsonSchema),
    schemars(rename = "TransactionNotification")
)]
#[serde(rename_all = "camelCase")]
struct NotificationItem {
    /// The `webhook-id` that the client reads.
    id: Uuid,
    attempts: i32,
    created_at: Timestamp,
    #[serde(skip_serializing_if = "Option::is_none")]
    next_attempt_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    delivered_at: Option<Timestamp>,
    /// The time at which it was given up.
    #[serde(skip_serializing_if = "Option::is_none")]
    dead_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_error: Option<String>,
}

impl From<History> for TransactionDetail {
    fn from(history: History) -> Self {
        let History { of, changes, attempts, conflicts, notifications } = history;
        let first = ChangeItem {
            status: State::Pending.as_str().to_owned(),
            cause: "client".to_owned(),
            reason: None,
            at: of.received_at,
        };
        Self {
            transaction: TransactionItem {
                id: of.id,
                status: of.fate.state.as_str(),
                reason: of.reason,
                failure: of.fate.failure.map(Failure::as_str),
                received_at: of.received_at,
                updated_at: of.updated_at,
                ended_at: of.ended_at,
            },
            submissions: of.fate.submissions,
            deadline: of.fate.deadline,
            next_action_at: of.next_action_at,
            history: [first].into_iter().chain(changes.into_iter().map(ChangeItem::from)).collect(),
            attempts: attempts.into_iter().map(AttemptItem::from).collect(),
            conflicts: conflicts.into_iter().map(ConflictItem::from).collect(),
            notifications: notifications.into_iter().map(NotificationItem::from).collect(),
        }
    }
}

impl From<Change> for ChangeItem {
    fn from(change: Change) -> Self {
        let Change { status, cause, reason, changed_at } = change;
        Self { status, cause, reason, at: changed_at }
    }
}

impl From<Attempt> for AttemptItem {
    fn from(of: Attempt) -> Self {
        let Attempt { attempt, begun_at, ended_at, outcome } = of;
        Self { number: attempt, begun_at, ended_at, outcome }
    }
}

impl From<Conflict> for ConflictItem {
    fn from(conflict: Conflict) -> Self {
        let Conflict { said, cause, status, times, first_at, last_at } = conflict;
        Self { said, cause, status, times, first_at, last_at }
    }
}

impl From<Notification> for NotificationItem {
    fn from(of: Notification) -> Self {
        let Notification {
            id,
            attempts,
            created_at,
            next_action_at,
            delivered_at,
            dead_at,
            last_error,
        } = of;
        Self {
            id,
            attempts,
            created_at,
            next_attempt_at: next_action_at,
            delivered_at,
            dead_at,
            last_error,
        }
    }
}
