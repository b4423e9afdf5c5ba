//! The stack's HTTP API: infra/local/gateway.py as a child process.

use std::process::Stdio;

use ::http::Method;
use serde_json::Value;
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Child;

use super::http::{self, Reply};
use super::{LocalStack, StackError, script};

/// A running gateway; ended when dropped.
#[derive(Debug)]
pub struct Gateway {
    url: String,
    // Its stdin, stdout and its life hang on it.
    _child: Child,
}

impl Gateway {
    pub(super) async fn start(local: &LocalStack, stack: &str) -> Result<Self, StackError> {
        let failed = |source| StackError::Process { what: "infra/local/gateway.py", source };
        let log = std::fs::File::create(local.logs.join(format!("{stack}-gateway.log")))
            .map_err(failed)?;
        let mut command = script::command(local, "infra/local/gateway.py");
        command.arg("--stack").arg(stack).stdout(Stdio::piped()).stderr(log);
        let mut child = command.spawn().map_err(failed)?;
        let mut first_line = String::new();
        if let Some(stdout) = child.stdout.as_mut() {
            BufReader::new(stdout).read_line(&mut first_line).await.map_err(failed)?;
        }
        let port: u16 = first_line
            .trim()
            .parse()
            .map_err(|_| failed(std::io::Error::other("it told no port")))?;
        Ok(Self { url: format!("http://127.0.0.1:{port}"), _child: child })
    }

    /// Where it listens, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Gets `path` (and query), whatever the status.
    ///
    /// # Errors
    /// Where there is no reply.
    pub async fn reply(&self, path: &str, key: Option<&str>) -> Result<Reply, StackError> {
        http::get(&format!("{}{path}", self.url), key).await
    }

    /// Posts a body to `path`, whatever the status of the reply.
    ///
    /// # Errors
    /// Where there is no reply.
    pub async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Reply, StackError> {
        http::post(&format!("{}{path}", self.url), headers, body).await
    }

    /// Asks by any method, without a body, whatever the status.
    ///
    /// # Errors
    /// Where there is no reply.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Reply, StackError> {
        http::ask(method, &format!("{}{path}", self.url), headers).await
    }

    /// Gets `path` (and query) as JSON.
    ///
    /// # Errors
    /// Where the status is not 200.
    pub async fn get(&self, path: &str, key: &str) -> Result<Value, StackError> {
        let Reply { status, body, .. } = self.reply(path, Some(key)).await?;
        if status != 200 {
            return Err(StackError::Status { path: path.to_owned(), status, body });
        }
        Ok(serde_json::from_str(&body)?)
    }
}
