//! A function as built that a test may kill: with SIGKILL, at a chosen message to Postgres or whenever it likes.
#![allow(clippy::expect_used, reason = "for tests only: to fail is to panic")]

use penstock_testkit::{Cut, CuttingProxy, Outcome, RuntimeHost, TestDatabase, binary};
use serde_json::Value;

use crate::fake_aws::FakeAws;

/// A function under test: it reaches Postgres through the proxy only, and its queues are AWS' of its own.
pub struct Victim {
    /// Runs and kills it.
    pub host: RuntimeHost,
    /// Between it and Postgres.
    pub proxy: CuttingProxy,
    /// What it sends messages to.
    pub aws: FakeAws,
}

impl Victim {
    /// Starts the function `name` over a database, with `settings` beside those that all functions need.
    ///
    /// # Panics
    /// Where it is not built.
    pub async fn start(name: &str, db: &TestDatabase, settings: &[(&str, String)]) -> Self {
        let proxy = CuttingProxy::start(db.login()).await;
        let aws = FakeAws::start().await;
        let env =
            [aws.environment().as_slice(), &[("DATABASE_URL", proxy.url())], settings].concat();
        let env: Vec<(&str, &str)> = env.iter().map(|(k, v)| (*k, v.as_str())).collect();
        let host = RuntimeHost::start(&binary(name), &env).await;
        Self { host, proxy, aws }
    }

    /// Invokes it, and kills it at its `nth` message to Postgres, if it sends that many.
    ///
    /// # Panics
    /// Where it was killed and lives, or died of something else.
    pub async fn die_at(&self, nth: u64, cut: Cut, event: Value) {
        self.proxy.cut_at(nth, cut, self.host.killer());
        let outcome = self.host.invoke(event).await;
        let died = matches!(outcome, Outcome::Died(_));
        assert_eq!(died, self.proxy.was_cut(), "message {nth}: {outcome:?}");
    }
}

/// The leases of those that died run out, as they do with time.
///
/// # Panics
/// Where Postgres does not do it.
pub async fn leases_run_out(db: &TestDatabase) {
    leases_run_out_of(db, "", "").await;
}

/// Those of one source's entity, or of all where none is named.
///
/// # Panics
/// Where Postgres does not do it.
pub async fn leases_run_out_of(db: &TestDatabase, source: &str, entity: &str) {
    let expired = "update sync_state set lease_until = '-infinity' where $1 in ('', source) and $2 in ('', entity)";
    db.client().await.execute(expired, &[&source, &entity]).await.expect("the leases are free");
}
