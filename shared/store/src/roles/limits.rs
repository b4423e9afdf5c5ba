//! The time that Postgres gives each function: its statements, its locks and its transactions.
//!
//! A function that gives up asks Postgres to end its statement, and closes its socket. One that
//! Lambda has killed or frozen cannot. Then the limits of its role end what it has left, so that
//! nobody waits for it for 20 seconds (trap 69, docs/adr/0051-no-transaction-outlives.md).

/// The time that Postgres waits for a function which is in the middle of a transaction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Idle(u32);

impl Idle {
    /// Creates it from seconds; `None` if they are fewer than 2 or more than 15.
    ///
    /// A transaction may compute for a second. Past 15 seconds, whoever waits for a frozen function
    /// would wait for 20.
    #[must_use]
    pub fn from_seconds(seconds: u32) -> Option<Self> {
        (2..=15).contains(&seconds).then_some(Self(seconds))
    }
}

impl Default for Idle {
    fn default() -> Self {
        Self(10)
    }
}

/// The seconds that a function has in Postgres.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seconds {
    /// For one statement: longer than the function waits for it, if it gives up by itself.
    pub statement: u32,
    /// For one lock: longer than a frozen holder keeps it, or than the function waits.
    pub lock: u32,
    /// For one transaction. It ends what no other limit ends: a statement of which a frozen
    /// function has sent a half. Postgres 17 and later know it.
    pub transaction: u32,
}

/// Returns the seconds of a function. All are fewer than Lambda lets it live.
#[must_use]
pub fn seconds(function: &str) -> Seconds {
    let (statement, lock, transaction) = match function {
        "accounts" | "admin" | "console" | "ingest" | "load" | "metrics" | "settle"
        | "transact" | "webhook" => (8, 6, 9),
        "bury" | "digest" | "process" | "relay" => (15, 12, 18),
        // The first window of a table is counted by one statement.
        "archive" => (590, 12, 600),
        // `fetch`: a sweep looks through whole tables.
        _ => (95, 12, 100),
    };
    Seconds { statement, lock, transaction }
}

/// The setting that servers before Postgres 17 do not know.
const TRANSACTION: &str = "transaction_timeout";

/// Returns the settings of a function's role, in the form of `pg_roles.rolconfig`. `has_all` is
/// whether the server knows all of them.
#[must_use]
pub fn of(function: &str, idle: Idle, has_all: bool) -> Vec<String> {
    let Seconds { statement, lock, transaction } = seconds(function);
    let working = [format!("statement_timeout={statement}s"), format!("lock_timeout={lock}s")];
    let whole = has_all.then(|| format!("{TRANSACTION}={transaction}s"));
    working.into_iter().chain(of_silent(idle)).chain(whole).collect()
}

/// Returns the settings that end a session of which nothing is heard. They end no work.
#[must_use]
pub fn of_silent(Idle(idle): Idle) -> Vec<String> {
    vec![
        // A frozen environment holds no lock for longer.
        format!("idle_in_transaction_session_timeout={idle}s"),
        // Nor while Postgres writes rows that it does not read, where a statement cannot be ended.
        format!("tcp_user_timeout={idle}s"),
        // The peer may be gone while a statement waits.
        "client_connection_check_interval=5s".to_owned(),
        // Or while the session is idle: two hours by default. Environments that are frozen between
        // two events keep their connection for a minute and a half.
        "tcp_keepalives_idle=60s".to_owned(),
        "tcp_keepalives_interval=10s".to_owned(),
        "tcp_keepalives_count=3".to_owned(),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_before_postgres_17_gets_no_setting_that_it_does_not_know() {
        let (old, new) =
            (of("process", Idle::default(), false), of("process", Idle::default(), true));
        assert_eq!(new[..old.len()], old);
        assert_eq!(new[old.len()..], ["transaction_timeout=18s"]);
    }

    #[test]
    fn the_time_for_a_silent_function_has_bounds() {
        let seconds = |seconds| Idle::from_seconds(seconds).map(|Idle(seconds)| seconds);
        assert_eq!([1, 2, 15, 16].map(seconds), [None, Some(2), Some(15), None]);
    }
}
