//! Requests that change something elsewhere: submissions to a third party, and notifications of
//! clients. Neither follows a redirect, and neither is sent twice by itself.

mod address;
mod notifier;
mod third_party;

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::retry::retry_after;
use reqwest::Response;
use reqwest::header::RETRY_AFTER;

pub use notifier::{Notifier, Told};
pub use third_party::{Reply, ThirdPartyClient};

/// The longest body of a reply that is read, in bytes. What is longer is cut off there.
const LONGEST_REPLY: usize = 64 * 1024;

/// The time for a connection.
const CONNECT_PATIENCE: Duration = Duration::from_secs(5);

/// Returns the pause that a reply asks for.
fn pause(response: &Response, now: Timestamp) -> Option<Duration> {
    let header = response.headers().get(RETRY_AFTER)?.to_str().ok()?;
    retry_after(header, now)
}

/// Returns a builder that asks no proxy, keeps no connection and follows no redirect. A connection
/// that is kept may be dead after a freeze, and its next request would be one of which nobody knows
/// whether it arrived.
#[expect(clippy::disallowed_methods, reason = "a provider is installed first")]
fn builder(timeout: Duration) -> reqwest::ClientBuilder {
    // Fails only where a provider is installed already, which serves as well.
    drop(rustls::crypto::ring::default_provider().install_default());
    reqwest::Client::builder()
        .user_agent(concat!("penstock/", env!("CARGO_PKG_VERSION")))
        .connect_timeout(CONNECT_PATIENCE)
        .timeout(timeout)
        .pool_max_idle_per_host(0)
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .no_proxy()
}

/// Reads a body up to [`LONGEST_REPLY`].
async fn body(mut response: Response) -> Result<Vec<u8>, reqwest::Error> {
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await? {
        body.extend_from_slice(&chunk);
        if body.len() >= LONGEST_REPLY {
            body.truncate(LONGEST_REPLY);
            break;
        }
    }
    Ok(body)
}
