//! The commands of an operator who invokes the function, as `make connect` and `make remap` do. Who
//! may do that is decided by IAM, so no API key is asked for. An event of API Gateway cannot become
//! one: it has no field `operator`, and no caller can add one.

use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::connection::State;
use penstock_domain::ids::JobId;
use penstock_edge::http::{Failure, InvokeError, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::Ports;
use crate::by::By;

/// The name that the log has for somebody who invokes the function.
const INVOKED: &str = "invocation";

/// A command: `{"operator": {"do": "pause", "name": "stripe-eu"}}`.
#[derive(Deserialize)]
#[serde(tag = "do", rename_all = "camelCase", deny_unknown_fields)]
pub(crate) enum Operator {
    /// Lists all connections.
    List {},
    /// Connects an account or changes a connection, by the body of `PUT /connections/{name}`.
    Connect { name: String, connection: Value },
    /// Stops its pulls.
    Pause { name: String },
    /// Has it pulled again.
    Resume { name: String },
    /// Ends it, and deletes its rows if `erase` says so.
    Remove {
        name: String,
        #[serde(default)]
        erase: bool,
    },
    /// Plans or starts a replay, by the body of `POST /admin/events/replay`.
    Replay { request: Value },
    /// Plans or starts a remap, by the body of `POST /admin/remap`.
    Remap { request: Value },
    /// Plans or starts the erasure of a person, by the body of `POST /admin/erase`.
    Erase { request: Value },
    /// Shows a job.
    Job { id: Uuid },
}

impl Operator {
    /// The command of an event; `None` if it is another kind of event.
    ///
    /// # Errors
    /// If it is a command that this release does not know.
    pub(crate) fn of(event: &mut Value) -> Result<Option<Self>, InvokeError> {
        match event.get_mut("operator").map(Value::take) {
            Some(command) => Ok(Some(serde_json::from_value(command).map_err(unreadable)?)),
            None => Ok(None),
        }
    }
}

/// The error names no value: a command may hold a key.
fn unreadable(_: serde_json::Error) -> InvokeError {
    let error = <serde_json::Error as serde::de::Error>::custom("it is no command of an operator");
    InvokeError::Unreadable(error)
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Carries out a command. The reply has the status and the body that the HTTP route gives.
    pub(crate) async fn operate(&self, command: Operator, invocation: &str) -> Value {
        let by = By::invoked(INVOKED, invocation, self.clock.now());
        let outcome = match command {
            Operator::List {} => self.list_connections().await,
            Operator::Connect { name, connection } => {
                let body = connection.to_string();
                self.connect(&name, body.as_bytes(), by).await
            }
            Operator::Pause { name } => self.set_state(&name, State::Paused, by).await,
            Operator::Resume { name } => self.set_state(&name, State::Active, by).await,
            Operator::Remove { name, erase } => self.remove(&name, erase, by).await,
            Operator::Replay { request } => self.replay(request.to_string().as_bytes(), by).await,
            Operator::Remap { request } => self.remap(request.to_string().as_bytes(), by).await,
            Operator::Erase { request } => self.erase(request.to_string().as_bytes(), by).await,
            Operator::Job { id } => self.reply_with(StatusCode::OK, JobId(id)).await,
        };
        match outcome {
            Ok(reply) => {
                let body: Value = serde_json::from_slice(&reply.body).unwrap_or_default();
                json!({ "status": reply.status_code, "body": body })
            }
            Err(failure) => told(&failure, invocation),
        }
    }
}

fn told(failure: &Failure, invocation: &str) -> Value {
    let problem = failure.problem();
    let (status, reason) = (problem.status.as_u16(), problem.slug);
    let error = failure.chain();
    if status >= 500 {
        tracing::error!(event = "operated", request_id = invocation, status, reason, error);
    } else {
        tracing::info!(event = "operated", request_id = invocation, status, reason);
    }
    json!({ "status": status, "body": {
        "type": format!("urn:penstock:problem:{reason}"), "detail": problem.detail, "errors": problem.errors,
        "requestId": invocation, "retryAfter": problem.retry_after,
    } })
}
