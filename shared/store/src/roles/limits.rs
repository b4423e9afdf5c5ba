//! The time that Postgres gives each function's statements.
//!
//! A function that gives up asks Postgres to end its statement. One that Lambda has killed cannot,
//! and RDS Proxy passes no such request on. Then the limits of the role end it, so that a table
//! which is locked costs one connection an environment (trap 69).

/// The seconds after which Postgres ends a statement of a function. They are longer than the
/// function waits for it, if it gives up by itself, and shorter than Lambda lets it live.
fn statement_seconds(function: &str) -> u32 {
    match function {
        "admin" | "ingest" | "metrics" | "webhook" => 8,
        "bury" => 25,
        "relay" => 45,
        "process" => 55,
        // `fetch`: a sweep looks through whole tables.
        _ => 120,
    }
}

/// Returns the settings of a function's role, in the form of `pg_roles.rolconfig`.
#[must_use]
pub fn of(function: &str) -> Vec<String> {
    vec![
        format!("statement_timeout={}s", statement_seconds(function)),
        // A frozen environment holds no lock for longer.
        "idle_in_transaction_session_timeout=60s".to_owned(),
        // The peer may be gone while a statement waits.
        "client_connection_check_interval=5s".to_owned(),
    ]
}
