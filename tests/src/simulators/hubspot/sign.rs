//! Signs a portal's webhooks, version 3.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Returns the `X-HubSpot-Signature-v3` of a request sent at `timestamp_ms`.
#[must_use]
pub fn sign_v3(secret: &str, method: &str, uri: &str, body: &[u8], timestamp_ms: i64) -> String {
    let mut source = format!("{method}{uri}").into_bytes();
    source.extend_from_slice(body);
    source.extend_from_slice(timestamp_ms.to_string().as_bytes());
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(&source);
    STANDARD.encode(mac.finalize().into_bytes())
}
