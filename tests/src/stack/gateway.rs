//! The stack's HTTP API: the local gateway before the stack's functions.

use std::fs::File;

use ::http::Method;
use serde_json::Value;

use super::http::{self, Reply};
use super::lambda::Functions;
use super::{LocalStack, StackError};
use crate::gateway::{Server, Settings};

/// A client of an HTTP API. A gateway that was started for it stops on drop.
#[derive(Debug)]
pub struct Gateway {
    url: String,
    _server: Option<Server>,
}

impl Gateway {
    /// Starts a gateway. Its log lies among those of the stack's functions.
    pub(super) fn start(
        local: &LocalStack,
        settings: Settings<'_>,
        functions: Functions,
    ) -> Result<Self, StackError> {
        let failed = |source| StackError::Process { what: "the gateway", source };
        let log = local.logs.join(format!("{}-gateway.log", settings.name));
        let log = File::create(log).map_err(failed)?;
        let server = Server::start(settings, functions, log).map_err(failed)?;
        Ok(Self { url: server.url(), _server: Some(server) })
    }

    /// A client of the HTTP API at a base URL, such as that of `cargo lambda watch`.
    #[must_use]
    pub const fn at(url: String) -> Self {
        Self { url, _server: None }
    }

    /// The base URL, without a slash at the end.
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
