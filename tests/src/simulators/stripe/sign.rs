//! Webhook signatures (docs.stripe.com/webhooks#verify-manually).

use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;

/// Returns the `Stripe-Signature` header of a body sent at `time` (Unix seconds). It holds a
/// signature for each of `secrets`: while one secret replaces another, Stripe signs with both.
#[must_use]
pub fn sign(secrets: &[&str], time: i64, body: &[u8]) -> String {
    let mut header = format!("t={time}");
    for secret in secrets {
        // HMAC accepts a key of any length, so this never fails.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { continue };
        mac.update(format!("{time}.").as_bytes());
        mac.update(body);
        header.push_str(",v1=");
        header.push_str(&hex::encode(mac.finalize().into_bytes()));
    }
    // The scheme of test events, which proves nothing.
    header + ",v0=6ffbb59b2300aae63f272406069a9788598b792a944a07aba816edb039989a39"
}
