//! A function's binary that a test kills with SIGKILL, at a chosen message to Postgres or at any
//! time.
#![allow(clippy::expect_used, reason = "for tests only: to fail is to panic")]

use penstock_testkit::{Cut, CuttingProxy, Outcome, RuntimeHost, TestDatabase, binary};
use serde_json::Value;

use crate::fake_aws::FakeAws;

/// A function under test. It reaches Postgres only through the proxy, and its queues are in a fake
/// AWS of its own.
pub struct Victim {
    pub host: RuntimeHost,
    pub proxy: CuttingProxy,
    pub aws: FakeAws,
}

impl Victim {
    /// Starts the function `name` over a database, with `settings` and those that all functions
    /// need.
    ///
    /// # Panics
    ///
    /// If the function is not built.
    pub async fn start(name: &str, db: &TestDatabase, settings: &[(&str, String)]) -> Self {
        let proxy = CuttingProxy::start(db.login_of(name)).await;
        let aws = FakeAws::start().await;
        // Its environment's own directory. The next victim over the same database is the next
        // process of that environment, as after a crash.
        let own = std::env::temp_dir().join(db.login().database);
        std::fs::create_dir_all(&own).expect("a directory");
        let own = [("DATABASE_URL", proxy.url()), ("TMPDIR", own.display().to_string())];
        let env = [aws.environment().as_slice(), &own, settings].concat();
        let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let host = RuntimeHost::start(&binary(name), &env).await;
        Self { host, proxy, aws }
    }

    /// Invokes the function, and kills it at its `nth` message to Postgres if it sends that many.
    ///
    /// # Panics
    ///
    /// If the function was killed and lives, or died for another reason.
    pub async fn die_at(&self, nth: u64, cut: Cut, event: Value) {
        self.proxy.cut_at(nth, cut, self.host.killer());
        let outcome = self.host.invoke(event).await;
        let died = matches!(outcome, Outcome::Died(_));
        assert_eq!(died, self.proxy.was_cut(), "message {nth}: {outcome:?}");
    }
}

/// Expires all leases at once, which in production takes time.
///
/// # Panics
///
/// If Postgres refuses the statement or cannot be reached.
pub async fn leases_run_out(db: &TestDatabase) {
    leases_run_out_of(db, "", "").await;
}

/// Expires the leases of one source's entity. An empty name matches all.
///
/// # Panics
///
/// If Postgres refuses the statement or cannot be reached.
pub async fn leases_run_out_of(db: &TestDatabase, source: &str, entity: &str) {
    let expired = "update sync_state set lease_until = '-infinity' where $1 in ('', source) and $2 in ('', entity)";
    db.client().await.execute(expired, &[&source, &entity]).await.expect("the leases are free");
}
