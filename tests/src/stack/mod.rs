//! A stack in LocalStack, for the tour and the system tests.
//!
//! `infra/local/deploy.py` deploys it from the template that AWS gets. The tests then reach it only
//! from outside: by queue, by invocation and by HTTP.

mod backlog;
mod commands;
mod error;
mod gateway;
mod hosted;
mod http;
mod lambda;
mod parties;
mod person;
mod pollers;
mod queues;
mod script;
mod spec;
mod wait;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use penstock_clients::aws::Aws;
use penstock_clients::clock::SystemClock;
use penstock_clients::seals::Seals;
use penstock_clients::secret::Secret;
use penstock_domain::clock::Clock as _;
use penstock_domain::config::Env;
use secrecy::ExposeSecret;
use serde::Deserialize;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use crate::gateway::{Settings, functions_with_routes};
use crate::hosting::Hosted;
use lambda::Functions;

pub use backlog::{Backlog, Outbox};
pub use error::StackError;
pub use gateway::Gateway;
pub use http::Reply;
pub use parties::Parties;
pub use person::Person;
pub use queues::{Depth, StackQueue};
pub use spec::{Secrets, StackSpec};
pub use wait::eventually;

/// The environment that `infra/local/stack.py with --postgres --localstack` sets up.
#[derive(Debug, Clone)]
pub struct LocalStack {
    url: String,
    region: String,
    python: String,
    logs: PathBuf,
}

impl LocalStack {
    /// Reads the environment from the variables that `stack.py` sets.
    ///
    /// # Errors
    /// [`StackError::NoLocalStack`] if one of the variables is missing.
    pub fn from_env(env: &Env) -> Result<Self, StackError> {
        let of = |name: &str| env.optional(name).ok_or(StackError::NoLocalStack);
        // Without DATABASE_URL the environment has LocalStack but no Postgres.
        of("DATABASE_URL")?;
        Ok(Self {
            url: of("PENSTOCK_LOCALSTACK_URL")?,
            region: of("AWS_REGION")?,
            python: of("PENSTOCK_PYTHON")?,
            logs: of("PENSTOCK_LOG_DIR")?.into(),
        })
    }
}

/// The secret that signs Stripe's webhooks if a stack gets no other (infra/local/deploy.py).
pub const WEBHOOK_SECRET: &str = "whsec_local";

/// Requests a second of a key that says nothing else.
const KEY_RATE: u32 = 50;

/// A stack that has been deployed.
#[derive(Debug)]
pub struct Stack {
    name: String,
    local: LocalStack,
    aws: Arc<Aws>,
    made: Made,
    cors_allow_origins: String,
}

/// The output of `infra/local/deploy.py`.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Made {
    outputs: Outputs,
    resources: BTreeMap<String, u64>,
    /// The ids of the event source mappings.
    mappings: Vec<String>,
}

/// The template's outputs, as far as they work in LocalStack.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Outputs {
    tickets_queue_url: String,
    tickets_dlq_url: String,
    fetch_requests_queue_url: String,
    fetch_requests_dlq_url: String,
    quick_requests_queue_url: String,
    spill_queue_url: String,
    webhook_spill_secret_arn: String,
    ingest_spill_secret_arn: String,
    transact_spill_secret_arn: String,
}

impl Drop for Stack {
    fn drop(&mut self) {
        pollers::stop(&self.local.url, std::mem::take(&mut self.made.mappings));
    }
}

impl Stack {
    /// Deploys `infra/template.yaml` with the functions that were built beside this program.
    ///
    /// # Errors
    ///
    /// [`StackError::NotBuilt`] if a function is not built. [`StackError::Script`] if
    /// CloudFormation refuses the template; the error holds the script's stderr.
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
        let flags = [(spec.in_place, "--link"), (spec.lean, "--lean")];
        arguments.extend(flags.iter().filter(|(on, _)| *on).map(|(_, flag)| (*flag).to_owned()));
        arguments.extend(
            spec.parameters.iter().map(|(name, value)| format!("--parameter={name}={value}")),
        );
        // Secrets go by the environment: every user of the machine can read a command line.
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

    /// Returns the name of the stack.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the number of the stack's resources of a type, such as `AWS::SQS::Queue`.
    #[must_use]
    pub fn count(&self, of_type: &str) -> u64 {
        self.made.resources.get(of_type).copied().unwrap_or_default()
    }

    /// Brings the schema up to date, as a deployment does.
    ///
    /// # Errors
    ///
    /// [`StackError::Function`] if the migrate function fails.
    pub async fn migrate(&self) -> Result<(), StackError> {
        self.invoke("migrate", &json!({})).await.map(drop)
    }

    /// Brings the schema up to date by the operator's own command.
    ///
    /// # Errors
    ///
    /// [`StackError::Script`] if the migrate function fails.
    pub async fn migrate_by_command(&self) -> Result<(), StackError> {
        let arguments = ["schema".to_owned(), format!("--stack={}", self.name)];
        script::run(&self.local, "infra/migrate.py", &arguments, &[]).await.map(drop)
    }

    /// Registers a new API key of a scope, and returns the key.
    ///
    /// # Errors
    ///
    /// [`StackError::Function`] if the migrate function fails.
    pub async fn key(&self, scope: &str, who: &str) -> Result<String, StackError> {
        // Of the form that a mark can follow: 43 characters.
        let (most, rest) = (fastrand::u128(..), fastrand::u64(..1 << 44));
        let key = format!("penstock_{scope}_{most:032x}{rest:011x}");
        self.register(scope, who, &key, KEY_RATE).await
    }

    /// Registers a new API key of a scope, by the operator's own command, and returns the key.
    ///
    /// # Errors
    ///
    /// [`StackError::Script`] if the migrate function fails.
    pub async fn key_by_command(&self, scope: &str, who: &str) -> Result<String, StackError> {
        let stack = format!("--stack={}", self.name);
        let arguments =
            ["key".to_owned(), stack, format!("--scope={scope}"), format!("--name={who}")];
        let said = script::run(&self.local, "infra/migrate.py", &arguments, &[]).await?;
        Ok(said.trim().to_owned())
    }

    /// Registers an API key that was made elsewhere, with its rate, and returns it with its mark.
    ///
    /// # Errors
    ///
    /// [`StackError::Function`] if the migrate function fails.
    pub async fn register(
        &self,
        scope: &str,
        who: &str,
        key: &str,
        rate: u32,
    ) -> Result<String, StackError> {
        let sha256 = hex::encode(Sha256::digest(key));
        let wanted = json!({"name": who, "scope": scope, "sha256": sha256, "ratePerSecond": rate});
        let reply = self.invoke("migrate", &json!({ "apiKey": wanted })).await?;
        Ok(reply["keyMark"].as_str().map_or_else(|| key.to_owned(), |mark| format!("{key}.{mark}")))
    }

    /// Revokes all keys of a name, by the operator's own command.
    ///
    /// # Errors
    ///
    /// [`StackError::Script`] if the migrate function fails or there is no such key.
    pub async fn revoke_keys(&self, who: &str) -> Result<(), StackError> {
        let arguments =
            ["revoke".to_owned(), format!("--stack={}", self.name), format!("--key={who}")];
        script::run(&self.local, "infra/migrate.py", &arguments, &[]).await.map(drop)
    }

    /// Returns the list of the keys, as the operator's own command prints it.
    ///
    /// # Errors
    ///
    /// [`StackError::Script`] if the migrate function fails.
    pub async fn keys(&self) -> Result<String, StackError> {
        let arguments = ["keys".to_owned(), format!("--stack={}", self.name)];
        script::run(&self.local, "infra/migrate.py", &arguments, &[]).await
    }

    /// Connects an account or changes a connection, by the operator's own command without a
    /// terminal. `verb` is one of connect, list, pause, resume, remove and erase. Returns the exit
    /// code and the output.
    ///
    /// # Errors
    ///
    /// [`StackError::Process`] if the command cannot be started.
    pub async fn connection(
        &self,
        verb: &str,
        options: &[String],
    ) -> Result<(i32, String), StackError> {
        let mut arguments = vec![verb.to_owned(), format!("--stack={}", self.name)];
        arguments.extend_from_slice(options);
        script::outcome(&self.local, "infra/connect.py", &arguments).await
    }

    /// Returns the text of a secret by its name or ARN; `None` if it was deleted.
    pub async fn secret(&self, name: &str) -> Option<String> {
        let secret = Secret::stored(Arc::clone(&self.aws), name.to_owned());
        let text = secret.get(SystemClock.now(), true).await.ok()?;
        Some(text.expose_secret().to_owned())
    }

    /// Invokes a function and waits for its reply.
    ///
    /// # Errors
    ///
    /// [`StackError::Function`] with the reply's body if the function failed.
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
    ///
    /// [`StackError::Process`] if no port is free or the log cannot be written.
    pub fn gateway(&self) -> Result<Gateway, StackError> {
        let cors_allow_origins = &self.cors_allow_origins;
        let settings = Settings { name: &self.name, cors_allow_origins, ..Settings::default() };
        Gateway::start(&self.local, settings, self.functions())
    }

    /// Starts the HTTP API of the stack on `port`, with environments of its own for the functions:
    /// many times faster than through LocalStack. Port 0 picks a free one.
    ///
    /// # Errors
    ///
    /// [`StackError::Process`] if the port is in use or the log cannot be written.
    /// [`StackError::Zipped`] if the stack was not deployed in place.
    pub async fn hosting_gateway(&self, port: u16) -> Result<Gateway, StackError> {
        let mut functions = Vec::new();
        for name in functions_with_routes() {
            functions.push(hosted::function(&self.local, &self.name, &name).await?);
        }
        let cors_allow_origins = &self.cors_allow_origins;
        let settings =
            Settings { name: &self.name, cors_allow_origins, port, ..Settings::default() };
        Gateway::start(&self.local, settings, Hosted::new(functions))
    }

    fn functions(&self) -> Functions {
        Functions::new(&self.local.url, &self.name)
    }

    /// Returns the queue of tickets.
    #[must_use]
    pub fn tickets(&self) -> StackQueue {
        self.queue(&self.made.outputs.tickets_queue_url)
    }

    /// Returns the dead-letter queue of tickets.
    #[must_use]
    pub fn tickets_dlq(&self) -> StackQueue {
        self.queue(&self.made.outputs.tickets_dlq_url)
    }

    /// Returns the queue of fetch requests.
    #[must_use]
    pub fn fetch_requests(&self) -> StackQueue {
        self.queue(&self.made.outputs.fetch_requests_queue_url)
    }

    /// Returns the queue of fetch requests that are served within a minute.
    #[must_use]
    pub fn quick_requests(&self) -> StackQueue {
        self.queue(&self.made.outputs.quick_requests_queue_url)
    }

    /// Returns the dead-letter queue of fetch requests.
    #[must_use]
    pub fn fetch_requests_dlq(&self) -> StackQueue {
        self.queue(&self.made.outputs.fetch_requests_dlq_url)
    }

    /// Returns the queue of requests that came while Postgres was away.
    #[must_use]
    pub fn spill(&self) -> StackQueue {
        self.queue(&self.made.outputs.spill_queue_url)
    }

    /// Returns the secrets that seal the stack's spilled requests.
    #[must_use]
    pub fn seals(&self) -> Seals {
        let outputs = &self.made.outputs;
        let env = [
            ("WEBHOOK_SPILL_SECRET_ARN", outputs.webhook_spill_secret_arn.as_str()),
            ("INGEST_SPILL_SECRET_ARN", outputs.ingest_spill_secret_arn.as_str()),
            ("TRANSACT_SPILL_SECRET_ARN", outputs.transact_spill_secret_arn.as_str()),
        ];
        Seals::from_env(&env.into_iter().collect(), &self.aws)
    }

    /// Returns the log of one function; empty if it was not invoked yet.
    #[must_use]
    pub fn log(&self, function: &str) -> String {
        let path = self.local.logs.join(format!("{}-{function}.log", self.name));
        std::fs::read_to_string(path).unwrap_or_default()
    }

    /// Returns the last lines of each function's log.
    #[must_use]
    pub fn last_words(&self, lines: usize) -> String {
        script::last_words(&self.local.logs, &self.name, lines)
    }

    fn queue(&self, url: &str) -> StackQueue {
        StackQueue::new(Arc::clone(&self.aws), url.to_owned())
    }
}
