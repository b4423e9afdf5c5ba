//! Signatures by the Standard Webhooks specification (standardwebhooks.com), written from its text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// The seconds for which a signature is good, before and after its time.
const TOLERANCE: i64 = 5 * 60;

/// Returns the signature `v1,…` of a message that is sent at `time` (Unix seconds); an empty text
/// if the secret is none of the specification.
#[must_use]
pub fn sign(secret: &str, id: &str, time: i64, body: &[u8]) -> String {
    mac(secret, id, &time.to_string(), body)
        .map(|bytes| format!("v1,{}", STANDARD.encode(bytes)))
        .unwrap_or_default()
}

/// Returns whether one of the signatures in a request is of this secret, and its time is near
/// `now` (Unix seconds).
#[must_use]
pub fn verifies(secret: &str, headers: &[(String, String)], body: &[u8], now: i64) -> bool {
    let header = |name: &str| {
        let found = headers.iter().find(|(it, _)| it.eq_ignore_ascii_case(name));
        found.map_or("", |(_, value)| value)
    };
    let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
    let is_near = time.parse::<i64>().is_ok_and(|time| (now - time).abs() <= TOLERANCE);
    let Some(expected) = mac(secret, id, time, body) else { return false };
    let is_of_secret = |text: &str| {
        let bytes = text.strip_prefix("v1,").and_then(|text| STANDARD.decode(text).ok());
        bytes.is_some_and(|bytes| bytes == expected)
    };
    is_near && !id.is_empty() && header("webhook-signature").split(' ').any(is_of_secret)
}

fn mac(secret: &str, id: &str, time: &str, body: &[u8]) -> Option<Vec<u8>> {
    let key = STANDARD.decode(secret.strip_prefix("whsec_")?).ok()?;
    let mut mac = Hmac::<Sha256>::new_from_slice(&key).ok()?;
    mac.update(format!("{id}.{time}.").as_bytes());
    mac.update(body);
    Some(mac.finalize().into_bytes().to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_example_of_the_specification_is_signed_as_there_and_verified() {
        let (secret, body) = ("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", br#"{"test": 2432232314}"#);
        let (id, time) = ("msg_p5jXN8AQM9LWM0D4loKWxJek", 1_614_265_330);
        let signature = sign(secret, id, time, body);
        assert_eq!(signature, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
        let header = |name: &str, value: String| (name.to_owned(), value);
        let headers = [
            header("Webhook-Id", id.to_owned()),
            header("Webhook-Timestamp", time.to_string()),
            header("Webhook-Signature", format!("v1a,AAAA v1,AAAA {signature}")),
        ];
        assert!(verifies(secret, &headers, body, time + 300));
        assert!(!verifies(secret, &headers, body, time + 301), "it is too old");
        assert!(!verifies(secret, &headers, b"{}", time));
        assert!(!verifies(&format!("whsec_{}", STANDARD.encode([7; 24])), &headers, body, time));
    }
}
