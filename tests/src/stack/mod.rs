//! A stack in LocalStack, as the tour and the system tests use it: deployed from the same template as on
//! AWS, by `infra/local/deploy.py`, and then asked from outside only: by queue, by invocation, by HTTP.

mod backlog;
mod error;
mod gateway;
mod http;
mod lambda;
mod queues;
mod script;
mod spec;
mod wait;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use penstock_clients::aws::Aws;
use penstock_domain::config::Env;
use serde::Deserialize;
use serde_json::Value;

use crate::gateway::Settings;
use lambda::Functions;

pub use backlog::{Backlog, Outbox};
pub use error::StackError;
pub use gateway::Gateway;
pub use http::Reply;
pub use queues::{Depth, StackQueue};
pub use spec::{Secrets, StackSpec};
pub use wait::eventually;

/// The environment that `infra/local/stack.py with --postgres --localstack` makes.
#[derive(Debug, Clone)]
pub struct LocalStack {
    url: String,
    python: String,
    logs: PathBuf,
}

impl LocalStack {
    /// Reads it.
    ///
    /// # Errors
    /// [`StackError::NoLocalStack`] where a variable of it is missing.
    pub fn from_env(env: &Env) -> Result<Self, StackError> {
        let of = |name: &str| env.optional(name).ok_or(StackError::NoLocalStack);
        // Without a DATABASE_URL it is half of it.
        of("DATABASE_URL")?;
        Ok(Self {
            url: of("PENSTOCK_LOCALSTACK_URL")?,
            python: of("PENSTOCK_PYTHON")?,
            logs: of("PENSTOCK_LOG_DIR")?.into(),
        })
    }
}

/// What signs Stripe's webhooks to a stack that is given no other (infra/local/deploy.py).
pub const WEBHOOK_SECRET: &str = "whsec_local";

/// A deployed stack.
#[derive(Debug)]
pub struct Stack {
    name: String,
    local: LocalStack,
    aws: Arc<Aws>,
    made: Made,
    cors_allow_origins: String,
}

/// What `infra/local/deploy.py` says of a stack.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Made {
    outputs: Outputs,
    resources: BTreeMap<String, u64>,
}

/// The template's outputs, as far as they work in LocalStack.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Outputs {
    tickets_queue_url: String,
    tickets_dlq_url: String,
    fetch_requests_queue_url: String,
    fetch_requests_dlq_url: String,
    spill_queue_url: String,
}

impl Stack {
    /// Deploys infra/template.yaml with the functions that were built beside this program.
    ///
    /// # Errors
    /// Where a function is not built, or CloudFormation refuses; its words are in the error.
    pub async fn deploy(local: &LocalStack, spec: &StackSpec<'_>) -> Result<Self, StackError> {
        script::forget_logs(&local.logs, spec.name);
        let binaries = script::binaries()?;
        let mut arguments = vec![
            "create".to_owned(),
            "--strip".to_owned(),
            format!("--stack={}", spec.name),
            format!("--binaries={}", binaries.display()),
            format!("--database-url={}", spec.database_url),
        ];
        arguments.extend(spec.in_place.then(|| "--link".to_owned()));
        arguments.extend(
            spec.parameters.iter().map(|(name, value)| format!("--parameter={name}={value}")),
        );
        // By the environment: a command line is everybody's to read.
        let said =
            script::run(local, "infra/local/deploy.py", &arguments, &spec.secrets.variables())
                .await?;
        let made = serde_json::from_str(&said)?;
        let origins = spec.parameters.iter().rfind(|(name, _)| *name == "CorsAllowOrigins");
        Ok(Self {
            name: spec.name.to_owned(),
            local: local.clone(),
            aws: Arc::default(),
            made,
            cors_allow_origins: origins.map(|(_, origins)| origins.clone()).unwrap_or_default(),
        })
    }

    /// The stack's name.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// How many resources of a type, such as `AWS::SQS::Queue`, the stack consists of.
    #[must_use]
    pub fn count(&self, of_type: &str) -> u64 {
        self.made.resources.get(of_type).copied().unwrap_or_default()
    }

    /// Brings the schema up to date, as a deployment does.
    ///
    /// # Errors
    /// The migrate function's own.
    pub async fn migrate(&self) -> Result<(), StackError> {
        let arguments = ["schema".to_owned(), format!("--stack={}", self.name)];
        script::run(&self.local, "infra/migrate.py", &arguments, &[]).await.map(drop)
    }

    /// Registers a new API key of a scope, by the operator's own command.
    ///
    /// # Errors
    /// The migrate function's own.
    pub async fn key(&self, scope: &str, who: &str) -> Result<String, StackError> {
        let stack = format!("--stack={}", self.name);
        let arguments =
            ["key".to_owned(), stack, format!("--scope={scope}"), format!("--name={who}")];
        let said = script::run(&self.local, "infra/migrate.py", &arguments, &[]).await?;
        Ok(said.trim().to_owned())
    }

    /// Ends all keys of a name, by the operator's own command.
    ///
    /// # Errors
    /// The migrate function's own; where there is no such key.
    pub async fn revoke_keys(&self, who: &str) -> Result<(), StackError> {
        let arguments =
            ["revoke".to_owned(), format!("--stack={}", self.name), format!("--key={who}")];
        script::run(&self.local, "infra/migrate.py", &arguments, &[]).await.map(drop)
    }

    /// The list of the keys, by the operator's own command.
    ///
    /// # Errors
    /// The migrate function's own.
    pub async fn keys(&self) -> Result<String, StackError> {
        let arguments = ["keys".to_owned(), format!("--stack={}", self.name)];
        script::run(&self.local, "infra/migrate.py", &arguments, &[]).await
    }

    /// Compares a source's lists with what the stack has, by the operator's own command: its exit code, and what it
    /// printed.
    ///
    /// # Errors
    /// Where it cannot be started.
    pub async fn reconcile(&self, source: &str) -> Result<(i32, String), StackError> {
        let arguments = [format!("--stack={}", self.name), format!("--source={source}")];
        script::outcome(&self.local, "infra/reconcile.py", &arguments).await
    }

    /// Invokes a function and waits for its reply.
    ///
    /// # Errors
    /// [`StackError::Function`] with the function's own words where it failed.
    pub async fn invoke(&self, function: &str, payload: &Value) -> Result<Value, StackError> {
        let reply = self.functions().call(function, payload).await?;
        if reply.status != 200 || reply.function_error {
            return Err(StackError::Function { function: function.to_owned(), said: reply.body });
        }
        Ok(serde_json::from_str(&reply.body)?)
    }

    /// Starts the HTTP API of the stack.
    ///
    /// # Errors
    /// If no port can be had, or the log cannot be written.
    pub fn gateway(&self) -> Result<Gateway, StackError> {
        let cors_allow_origins = &self.cors_allow_origins;
        let settings = Settings { name: &self.name, cors_allow_origins };
        Gateway::start(&self.local, settings, self.functions())
    }

    fn functions(&self) -> Functions {
        Functions::new(&self.local.url, &self.name)
    }

    /// Where tickets go.
    #[must_use]
    pub fn tickets(&self) -> StackQueue {
        self.queue(&self.made.outputs.tickets_queue_url)
    }

    /// Where tickets go that were received too often.
    #[must_use]
    pub fn tickets_dlq(&self) -> StackQueue {
        self.queue(&self.made.outputs.tickets_dlq_url)
    }

    /// Where requests to fetch go.
    #[must_use]
    pub fn fetch_requests(&self) -> StackQueue {
        self.queue(&self.made.outputs.fetch_requests_queue_url)
    }

    /// Where requests to fetch go that were received too often.
    #[must_use]
    pub fn fetch_requests_dlq(&self) -> StackQueue {
        self.queue(&self.made.outputs.fetch_requests_dlq_url)
    }

    /// Where requests wait that came while Postgres was away.
    #[must_use]
    pub fn spill(&self) -> StackQueue {
        self.queue(&self.made.outputs.spill_queue_url)
    }

    /// The last lines of each function's log.
    #[must_use]
    pub fn last_words(&self, lines: usize) -> String {
        script::last_words(&self.local.logs, &self.name, lines)
    }

    fn queue(&self, url: &str) -> StackQueue {
        StackQueue::new(Arc::clone(&self.aws), url.to_owned())
    }
}
