//! One environment: a function's process, and the Runtime API that it polls.

use std::io;
use std::net::Ipv4Addr;
use std::process::ExitStatus;
use std::sync::Arc;
use std::time::Duration;

use penstock_testkit::{Outcome, RuntimeApi};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::process::Child;
use tokio::task::JoinSet;

use super::HostedFunction;

/// The longest time from the start of a process to its first poll. Lambda allows 10 s; a debug
/// build on a busy machine gets more.
const INIT: Duration = Duration::from_secs(30);

/// An environment. Dropping it kills the process, and waits for its end.
///
/// Should this program be killed, the process ends as well: its poll fails once nobody serves the
/// Runtime API.
pub(super) struct Environment {
    api: Arc<RuntimeApi>,
    process: Child,
    /// Serves the API until it is dropped.
    _serving: JoinSet<()>,
}

impl Environment {
    /// Starts a process and waits for its first poll.
    ///
    /// # Errors
    ///
    /// The outcome of every event that waits for it: the process cannot be started, ended before
    /// it polled, or took too long.
    pub(super) async fn start(function: &HostedFunction) -> Result<Self, Outcome> {
        let mut environment = Self::spawn(function).await.map_err(|error| failed(&error))?;
        let mut polled = environment.api.first_poll();
        tokio::select! {
            biased;
            _ = polled.wait_for(Option::is_some) => {}
            ended = environment.process.wait() => return Err(environment.ended(ended)),
            () = tokio::time::sleep(INIT) => return Err(Outcome::TimedOut),
        }
        Ok(environment)
    }

    async fn spawn(function: &HostedFunction) -> io::Result<Self> {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).await?;
        let process = function.command(&listener.local_addr()?.to_string())?.spawn()?;
        let api = RuntimeApi::new();
        let mut serving = JoinSet::new();
        serving.spawn(Arc::clone(&api).serve(listener));
        Ok(Self { api, process, _serving: serving })
    }

    /// Hands the process an event and waits for the outcome. After any other outcome than a reply
    /// or an error of the handler the process is gone, or about to be.
    pub(super) async fn invoke(&mut self, event: &Value, limit: Duration) -> Outcome {
        let outcome = self.api.submit(event, limit);
        tokio::select! {
            biased;
            Ok(outcome) = outcome => outcome,
            ended = self.process.wait() => self.ended(ended),
            () = tokio::time::sleep(limit) => Outcome::TimedOut,
        }
    }

    /// Whether the process still runs.
    pub(super) fn is_alive(&mut self) -> bool {
        matches!(self.process.try_wait(), Ok(None))
    }

    /// Kills the process and waits for its end.
    pub(super) async fn end(mut self) {
        // An error means that the process is gone already.
        self.process.kill().await.unwrap_or_default();
    }

    fn ended(&self, status: io::Result<ExitStatus>) -> Outcome {
        let by_itself = || status.map_or_else(|error| failed(&error), Outcome::Died);
        self.api.init_error().unwrap_or_else(by_itself)
    }
}

impl Drop for Environment {
    fn drop(&mut self) {
        // An error means that the process is gone already.
        self.process.start_kill().unwrap_or_default();
        while self.is_alive() {
            std::thread::sleep(Duration::from_millis(1));
        }
    }
}

fn failed(error: &io::Error) -> Outcome {
    Outcome::Failed { error_type: "Runtime.ExitError".to_owned(), message: error.to_string() }
}
