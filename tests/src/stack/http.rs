//! HTTP requests to servers on loopback.

use std::sync::OnceLock;
use std::time::Duration;

use serde_json::Value;

use super::StackError;
use crate::http_client;

/// The time-out of a request. It is longer than any function here works.
const PATIENCE: Duration = Duration::from_secs(120);

/// The reply to an HTTP request.
#[derive(Debug, Clone)]
pub struct Reply {
    pub status: u16,
    pub headers: http::HeaderMap,
    /// The body. It is text in all replies here.
    pub body: String,
    /// Whether Lambda reports that the function failed (`x-amz-function-error`).
    pub function_error: bool,
}

impl Reply {
    /// Parses the body as JSON.
    ///
    /// # Errors
    ///
    /// [`StackError::Shape`] if the body is not JSON.
    pub fn json(&self) -> Result<Value, StackError> {
        Ok(serde_json::from_str(&self.body)?)
    }
}

pub(super) async fn get(url: &str, key: Option<&str>) -> Result<Reply, StackError> {
    let request = client()?.get(url);
    let request = match key {
        Some(key) => request.header("x-api-key", key),
        None => request,
    };
    send(request).await
}

pub(super) async fn post(
    url: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Result<Reply, StackError> {
    let request = client()?.post(url).body(body);
    send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

pub(super) async fn ask(
    method: http::Method,
    url: &str,
    headers: &[(&str, &str)],
) -> Result<Reply, StackError> {
    let request = client()?.request(method, url);
    send(headers.iter().fold(request, |request, (name, value)| request.header(*name, *value))).await
}

async fn send(request: reqwest::RequestBuilder) -> Result<Reply, StackError> {
    let response = request.send().await?;
    Ok(Reply {
        status: response.status().as_u16(),
        function_error: response.headers().contains_key("x-amz-function-error"),
        headers: response.headers().clone(),
        body: response.text().await?,
    })
}

/// Returns the shared client. It keeps no connection: each test has a runtime of its own, and a
/// connection ends with its runtime.
fn client() -> Result<reqwest::Client, StackError> {
    static CLIENT: OnceLock<reqwest::Client> = OnceLock::new();
    if let Some(client) = CLIENT.get() {
        return Ok(client.clone());
    }
    let client = http_client::builder()
        .no_proxy()
        .timeout(PATIENCE)
        .pool_max_idle_per_host(0)
        // A test sees what the API answers.
        .redirect(reqwest::redirect::Policy::none())
        .build()?;
    Ok(CLIENT.get_or_init(|| client).clone())
}
