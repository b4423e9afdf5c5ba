//! The functions' own handlers as a backend: all run in this process, without Lambda.

use penstock_clients::clock::SystemClock;
use penstock_edge::http::{Request, Service};
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
        match function {
            "metrics" => answer(&self.metrics, event, invocation).await,
            "ingest" => answer(&self.ingest, event, invocation).await,
            "admin" => answer(&self.admin, event, invocation).await,
            "accounts" => answer(&self.accounts, event, invocation).await,
            "console" => answer(&self.console, event, invocation).await,
            _ => Err(Failure::of_function(&format!("there is no {function}"))),
        }
    }
}

/// Answers an event of the gateway by a function that serves requests only.
///
/// # Errors
/// [`Failure`] if the event is no request.
pub async fn answer(
    service: &impl Service,
    event: Value,
    invocation: &str,
) -> Result<Value, Failure> {
    let request: Request = serde_json::from_value(event).map_err(|e| Failure::of_function(&e))?;
    let reply = service.handle(&request, invocation).await;
    serde_json::to_value(reply).map_err(|e| Failure::of_function(&e))
}
