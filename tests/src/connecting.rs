//! Connections of a test, as rows: their secrets are among their settings.

#![allow(clippy::expect_used, reason = "for tests only: to fail is to panic")]

use std::collections::BTreeMap;

use penstock_domain::clock::Clock;

use crate::test_app::TestApp;

impl TestApp {
    /// Makes a connection of `source`, as an operator does while the system runs. `settings` are
    /// the vendor's variables in lower case; its secrets are among them.
    ///
    /// # Panics
    ///
    /// If there is one of this name, or Postgres cannot be reached.
    pub async fn connect(&self, name: &str, source: &str, settings: &[(&str, &str)]) {
        let settings: BTreeMap<_, _> = settings.iter().copied().collect();
        let settings = serde_json::to_string(&settings).expect("JSON");
        let sql = "insert into connections (name, source, settings, key_secret, state, made_at, changed_at) \
                   select $1, $2, $3, 'none', 'active', to_timestamp($4), to_timestamp($4)";
        #[expect(clippy::cast_precision_loss, reason = "seconds of this century are exact")]
        let now = self.clock.now().as_second() as f64;
        let client = self.db.client().await;
        client.execute(sql, &[&name, &source, &settings, &now]).await.expect("it is connected");
    }

    /// Moves a connection to another state.
    ///
    /// # Panics
    ///
    /// If Postgres refuses the state or cannot be reached.
    pub async fn set_state(&self, name: &str, state: &str) {
        let sql = "update connections set state = $2, revision = revision + 1 where name = $1";
        self.db.client().await.execute(sql, &[&name, &state]).await.expect("a state");
    }
}
