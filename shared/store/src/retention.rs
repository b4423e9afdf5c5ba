//! Rows that are deleted once they are old. docs/OPERATIONS.md says of every table how long its
//! rows are kept; the outbox, its notes and the Idempotency-Keys have statements of their own.

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::clock::earlier;
use penstock_domain::ids::oldest_id_at;
use tokio_postgres::GenericClient;
use uuid::Uuid;

use crate::StoreError;
use crate::archive::kept::Archived;
use crate::sql::{Statement, statements};

statements! {
    dead_letters.purge: PurgeLetters {
        before: Timestamp,
        archived: i64,
        outbox_archived: i64,
        limit: i64,
    }
    failed_attempts.purge: PurgeAttempts { before: Timestamp, limit: i64 }
    jobs.purge: PurgeJobs { before: Timestamp }
    jobs.forget_planned: ForgetPlanned { before: Timestamp }
    sync_runs.purge: PurgeRuns { before: Timestamp, limit: i64 }
    run_requests.purge: PurgeRequests { before: Timestamp, limit: i64 }
    reconciliations.purge: PurgeReconciliations { before: Uuid, limit: i64 }
    leads.purge: PurgeLeads { before: Timestamp, archived: i64, limit: i64 }
    events.purge: PurgeEvents { before: Timestamp, archived: i64, limit: i64 }
    conflicting_events.purge: PurgeConflicting { before: Timestamp, limit: i64 }
    transactions.purge: PurgeTransactions { before: Timestamp, archived: i64, limit: i64 }
    sessions.purge: PurgeSessions { before: Timestamp, limit: i64 }
    account_links.purge: PurgeLinks { before: Timestamp, limit: i64 }
    sign_in_limits.purge: PurgeLimits { before: Timestamp, known_before: Timestamp, limit: i64 }
    reset_requests.purge: PurgeResets { before: Timestamp, limit: i64 }
    audit_log.purge: PurgeTrail { before: Timestamp, limit: i64 }
}

/// A kind of rows with a retention.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Aged {
    /// Dead letters, and the dead rows of the outbox that they are about.
    DeadLetters,
    /// Attempts at rows that failed.
    FailedAttempts,
    /// Jobs that are over, and those that nobody has started. At most one a call.
    Jobs,
    /// Jobs that nobody has started in time. At most one a call.
    PlannedJobs,
    /// Runs that are over.
    Runs,
    RunRequests,
    /// Reconciliations whose runs were deleted, with their days.
    Reconciliations,
    Leads,
    /// Product events.
    Events,
    ConflictingEvents,
    /// Transactions that have ended, with all that belongs to them.
    Transactions,
    /// Sessions that are over.
    Sessions,
    /// Links to accounts that are over.
    AccountLinks,
    /// Limits on tries of passwords that nobody has met lately. Network addresses from which
    /// somebody has signed in are kept for [`KNOWN_ADDRESSES`] longer.
    SignInLimits,
    /// Requests of people who have forgotten their password.
    ResetRequests,
    /// The audit log.
    AuditLog,
}

/// How much longer than other limits a network address is kept from which somebody has signed in.
pub const KNOWN_ADDRESSES: Duration = Duration::from_secs(30 * 24 * 60 * 60);

impl Aged {
    /// Returns the name of the table.
    pub fn table(self) -> &'static str {
        match self {
            Self::DeadLetters => "dead_letters",
            Self::FailedAttempts => "failed_attempts",
            Self::Jobs | Self::PlannedJobs => "jobs",
            Self::Runs => "sync_runs",
            Self::RunRequests => "run_requests",
            Self::Reconciliations => "reconciliations",
            Self::Leads => "leads",
            Self::Events => "events",
            Self::ConflictingEvents => "conflicting_events",
            Self::Transactions => "transactions",
            Self::Sessions => "sessions",
            Self::AccountLinks => "account_links",
            Self::SignInLimits => "sign_in_limits",
            Self::ResetRequests => "reset_requests",
            Self::AuditLog => "audit_log",
        }
    }
}

/// Deletes up to `limit` rows of a kind from before `before`, and returns their number. Rows that
/// are in no file of the analytics copy yet are kept.
///
/// # Errors
/// Returns [`StoreError`] if a statement fails.
pub async fn purge(
    on: &impl GenericClient,
    what: Aged,
    before: Timestamp,
    limit: i64,
    archived: &Archived,
) -> Result<u64, StoreError> {
    let outbox_archived = archived.to("outbox");
    let archived = archived.to(what.table());
    match what {
        Aged::DeadLetters => {
            PurgeLetters { before, archived, outbox_archived, limit }.execute(on).await
        }
        Aged::FailedAttempts => PurgeAttempts { before, limit }.execute(on).await,
        Aged::Jobs => PurgeJobs { before }.execute(on).await,
        Aged::PlannedJobs => ForgetPlanned { before }.execute(on).await,
        Aged::Leads => PurgeLeads { before, archived, limit }.execute(on).await,
        Aged::Events => PurgeEvents { before, archived, limit }.execute(on).await,
        Aged::ConflictingEvents => PurgeConflicting { before, limit }.execute(on).await,
        Aged::Transactions => PurgeTransactions { before, archived, limit }.execute(on).await,
        Aged::Sessions => PurgeSessions { before, limit }.execute(on).await,
        Aged::AccountLinks => PurgeLinks { before, limit }.execute(on).await,
        Aged::SignInLimits => {
            let known_before = earlier(before, KNOWN_ADDRESSES);
            PurgeLimits { before, known_before, limit }.execute(on).await
        }
        Aged::ResetRequests => PurgeResets { before, limit }.execute(on).await,
        Aged::AuditLog => PurgeTrail { before, limit }.execute(on).await,
        Aged::Runs => PurgeRuns { before, limit }.execute(on).await,
        Aged::RunRequests => PurgeRequests { before, limit }.execute(on).await,
        Aged::Reconciliations => {
            PurgeReconciliations { before: oldest_id_at(before), limit }.execute(on).await
        }
    }
}
