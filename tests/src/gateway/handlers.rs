//! The functions' own handlers as a backend: all run in this process, without Lambda.

use penstock_clients::clock::SystemClock;
use penstock_edge::http::{Request, Service as _};
use penstock_testkit::MemoryQueue;
use serde_json::Value;
use uuid::Uuid;

use super::backend::{Backend, Failure};

/// The functions with routes in the HTTP API.
pub struct Handlers {
    pub metrics: metrics::Ports<SystemClock>,
    pub ingest: ingest::Ports<SystemClock, MemoryQueue>,
    pub admin: admin::Ports<SystemClock, MemoryQueue>,
    pub accounts: accounts::Ports<SystemClock>,
    pub console: console::Ports,
    pub webhook: webhook::Ports<SystemClock, MemoryQueue>,
    pub transact: transact::Ports<SystemClock, MemoryQueue>,
}

impl Backend for Handlers {
    async fn invoke(&self, function: &str, event: Value) -> Result<Value, Failure> {
        let invocation = Uuid::now_v7().to_string();
        // Two serve queues too.
        let answer = match function {
            "webhook" => self.webhook.invoke(event, &invocation).await,
            "transact" => self.transact.invoke(event, &invocation).await,
            _ => return self.handle(function, event, &invocation).await,
        };
        answer.map_err(|e| Failure::of_function(&e))
    }
}

impl Handlers {
    /// Serves a request by a function that serves nothing else.
    async fn handle(
        &self,
        function: &str,
        event: Value,
        invocation: &str,
    ) -> Result<Value, Failure> {
        let request: Request =
            serde_json::from_value(event).map_err(|e| Failure::of_function(&e))?;
        let answer = serde_json::to_value(match function {
            "metrics" => self.metrics.handle(&request, invocation).await,
            "ingest" => self.ingest.handle(&request, invocation).await,
            "admin" => self.admin.handle(&request, invocation).await,
            "accounts" => self.accounts.handle(&request, invocation).await,
            "console" => self.console.handle(&request, invocation).await,
            _ => return Err(Failure::of_function(&format!("there is no {function}"))),
        });
        answer.map_err(|e| Failure::of_function(&e))
    }
}
