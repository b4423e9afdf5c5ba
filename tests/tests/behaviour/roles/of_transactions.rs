//! The statements of the functions of transactions.

/// Those of `settle`.
pub(super) const SETTLE: &[&str] = &[
    "call_windows.grant",
    "circuits.close",
    "circuits.find",
    "circuits.open",
    "circuits.probe",
    "notifications.claim",
    "notifications.settle",
    "transaction_conflicts.note",
    "transactions.advance",
    "transactions.claim",
    "transactions.find",
];

/// Those of `transact`.
pub(super) const TRANSACT: &[&str] = &[
    "api_keys.standing",
    "audit_log.insert",
    "notifications.of",
    "notifications.replay",
    "rate_windows.grant",
    "transaction_attempts.of",
    "transaction_changes.of",
    "transaction_conflicts.*",
    "transactions.advance",
    "transactions.find",
    "transactions.insert",
    "transactions.page",
    "transactions.same",
];
