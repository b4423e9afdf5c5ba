//! The stack's HTTP API: a local gateway that invokes the stack's functions.

use std::fs::File;

use ::http::Method;
use serde_json::Value;

use super::http::{self, Reply};
use super::{LocalStack, StackError};
use crate::gateway::{Backend, Server, Settings};

/// A client of an HTTP API. If a gateway was started for it, the gateway stops on drop.
#[derive(Debug)]
pub struct Gateway {
    url: String,
    _server: Option<Server>,
}

impl Gateway {
    /// Starts a gateway. Its log file is in the folder of the functions' logs.
    pub(super) fn start(
        local: &LocalStack,
        settings: Settings<'_>,
        functions: impl Backend,
    ) -> Result<Self, StackError> {
        let failed = |source| StackError::Process { what: "the gateway", source };
        let log = local.logs.join(format!("{}-gateway.log", settings.name));
        let log = File::create(log).map_err(failed)?;
        let server = Server::start(settings, functions, log).map_err(failed)?;
        Ok(Self { url: server.url(), _server: Some(server) })
    }

    /// Returns a client of the HTTP API at a base URL, such as that of `cargo lambda watch`.
    #[must_use]
    pub const fn at(url: String) -> Self {
        Self { url, _server: None }
    }

    /// Returns the base URL, without a slash at the end.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// Sends a GET for `path` (and query) and returns the reply with any status.
    ///
    /// # Errors
    ///
    /// [`StackError::Http`] if there is no reply.
    pub async fn reply(&self, path: &str, key: Option<&str>) -> Result<Reply, StackError> {
        http::get(&format!("{}{path}", self.url), key).await
    }

    /// Posts a body to `path` and returns the reply with any status.
    ///
    /// # Errors
    ///
    /// [`StackError::Http`] if there is no reply.
    pub async fn post(
        &self,
        path: &str,
        headers: &[(&str, &str)],
        body: String,
    ) -> Result<Reply, StackError> {
        http::post(&format!("{}{path}", self.url), headers, body).await
    }

    /// Sends a request without a body, by any method, and returns the reply with any status.
    ///
    /// # Errors
    ///
    /// [`StackError::Http`] if there is no reply.
    pub async fn ask(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
    ) -> Result<Reply, StackError> {
        http::ask(method, &format!("{}{path}", self.url), headers).await
    }

    /// Sends a GET for `path` (and query) and returns the JSON of the reply.
    ///
    /// # Errors
    ///
    /// [`StackError::Status`] if the status is not 200, [`StackError::Http`] if there is no reply,
    /// [`StackError::Shape`] if the body is not JSON.
    pub async fn get(&self, path: &str, key: &str) -> Result<Value, StackError> {
        let Reply { status, body, .. } = self.reply(path, Some(key)).await?;
        if status != 200 {
            return Err(StackError::Status { path: path.to_owned(), status, body });
        }
        Ok(serde_json::from_str(&body)?)
    }
}
