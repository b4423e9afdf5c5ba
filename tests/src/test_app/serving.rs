//! Requests to `fetch` that are followed to their end, and the rules.

use std::time::Duration;

use fetch::{FetchError, Outcome};
use penstock_domain::clock::Clock;
use penstock_domain::due::{Due, DueRequest};
use penstock_domain::fetch_request::FetchRequest;
use serde_json::{Value, json};

use super::TestApp;

impl TestApp {
    /// Serves a request, and goes on with it after each rest until it ends otherwise.
    ///
    /// # Errors
    ///
    /// The error of `fetch`.
    pub async fn serve_to_end(&self, request: &FetchRequest) -> Result<Outcome, FetchError> {
        loop {
            let deadline = self.clock.now() + Duration::from_secs(86_400);
            let outcome = self.fetch.serve(request, deadline).await?;
            if !matches!(outcome, Outcome::Continues { .. } | Outcome::Rests { .. }) {
                return Ok(outcome);
            }
            self.clock.advance(self.requests.delays().into_iter().max().unwrap_or_default());
        }
    }

    /// Serves a request until it ends, whatever fails on the way.
    pub async fn serve_through(&self, request: &FetchRequest) -> Outcome {
        loop {
            self.end_rests().await;
            let served = self.serve_to_end(request).await;
            if let Ok(outcome) = served {
                return outcome;
            }
        }
    }

    /// Ends the rests of all connections, as if their vendors had answered meanwhile.
    ///
    /// # Panics
    ///
    /// If Postgres cannot be reached.
    pub async fn end_rests(&self) {
        self.db.client().await.batch_execute("delete from circuits").await.expect("they end");
    }

    /// Serves the rule that says what is due.
    ///
    /// # Panics
    ///
    /// If `fetch` fails.
    pub async fn due(&self, due: Due) -> Value {
        let deadline = self.clock.now() + Duration::from_secs(300);
        self.fetch.handle(json!(DueRequest { due }), deadline).await.expect("it is served")
    }
}
