//! HubSpot's signature, version 3
//! (developers.hubspot.com/docs/apps/legacy-apps/authentication/validating-requests): base64 of the
//! HMAC-SHA256 over method, URL, body and time-stamp, under the app's client secret.

use jiff::Timestamp;

use super::{HubSpot, push};
use crate::record::Delivery;
use crate::signature::{Claim, Encoding, SignatureError, SignedAt, Verified};
use crate::source::{Signed, WebhookRequest};

const SIGNATURE: &str = "X-HubSpot-Signature-v3";

/// Unix milliseconds. HubSpot says how old one may be, and its clock is not ahead of ours by more.
const TIMESTAMP: &str = "X-HubSpot-Request-Timestamp";

impl Signed for HubSpot {
    fn vendor(&self) -> &'static str {
        "hubspot"
    }

    fn claim<'r>(&self, request: &WebhookRequest<'r>) -> Result<Claim<'r>, SignatureError> {
        let signature = request.header(SIGNATURE)?;
        let timestamp = request.header(TIMESTAMP)?;
        let time: i64 = timestamp.parse().map_err(|_| SignatureError::NoTime)?;
        if signature.is_empty() {
            return Err(SignatureError::NoSignature("v3"));
        }
        Ok(Claim {
            before: format!("{}{}", request.method, decoded(request.url)),
            after: timestamp,
            signatures: vec![signature],
            encoding: Encoding::Base64,
            signed_at: Some(SignedAt::Milliseconds(time)),
        })
    }

    fn delivery<'a>(&self, body: Verified<'a>, _received_at: Timestamp) -> Delivery<'a> {
        Delivery { item: None, refetches: push::named(body.bytes()), livemode: None, account: None }
    }
}

/// The URL with those characters decoded that HubSpot's table lists, and no others: a space stays
/// `%20`.
fn decoded(uri: &str) -> String {
    let mut out = String::with_capacity(uri.len());
    let mut rest = uri;
    while let Some(at) = rest.find('%') {
        let (before, escape) = rest.split_at(at);
        out.push_str(before);
        match escape.get(..3).and_then(listed) {
            Some(c) => {
                out.push(c);
                rest = escape.get(3..).unwrap_or_default();
            }
            None => {
                out.push('%');
                rest = escape.get(1..).unwrap_or_default();
            }
        }
    }
    out.push_str(rest);
    out
}

fn listed(escape: &str) -> Option<char> {
    Some(match escape.to_ascii_uppercase().as_str() {
        "%3A" => ':',
        "%2F" => '/',
        "%3F" => '?',
        "%40" => '@',
        "%21" => '!',
        "%24" => '$',
        "%27" => '\'',
        "%28" => '(',
        "%29" => ')',
        "%2A" => '*',
        "%2C" => ',',
        "%3B" => ';',
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use hmac::{Hmac, KeyInit, Mac};
    use sha2::Sha256;

    use super::*;
    use crate::signature::{SigningSecrets, verify};

    const BODY: &[u8] =
        br#"[{"eventId":1,"subscriptionId":12345,"portalId":62515,"objectId":123}]"#;
    const URI: &str = "https://hooks.example.com/webhooks/hubspot";
    const NOW: i64 = 1_780_272_000_000;

    fn secrets(text: &str) -> SigningSecrets {
        SigningSecrets::parse(text).unwrap()
    }

    /// Made from the documentation: one string, hashed under the secret.
    fn signature(secret: &str, uri: &str, time: &str) -> String {
        let source = [b"POST", uri.as_bytes(), BODY, time.as_bytes()].concat();
        let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
        mac.update(&source);
        base64::engine::general_purpose::STANDARD.encode(mac.finalize().into_bytes())
    }

    fn verdict(
        uri: &str,
        signature: &str,
        timestamp: &str,
        now: i64,
    ) -> Result<(), SignatureError> {
        let both = secrets(r#"{"signingSecrets":["new-secret","old-secret"]}"#);
        let headers = |name: &str| match name {
            SIGNATURE => Some(signature),
            TIMESTAMP => Some(timestamp),
            _ => None,
        };
        let claim =
            HubSpot.claim(&WebhookRequest { method: "POST", url: uri, headers: &headers })?;
        verify(BODY, &claim, &both, Timestamp::from_millisecond(now).unwrap())
            .map(|body| assert_eq!(body.bytes(), BODY))
    }

    #[test]
    fn a_signature_by_any_of_the_secrets_is_good_for_five_minutes() {
        let time = NOW.to_string();
        for secret in ["new-secret", "old-secret"] {
            let good = signature(secret, URI, &time);
            for (age, expected) in [
                (0, Ok(())),
                (300_000, Ok(())),
                (-300_000, Ok(())),
                (300_001, Err(SignatureError::TooOld)),
                (-300_001, Err(SignatureError::TooOld)),
            ] {
                assert_eq!(verdict(URI, &good, &time, NOW + age), expected, "{age} ms old");
            }
        }
        assert_eq!(
            verdict(URI, &signature("other", URI, &time), &time, NOW),
            Err(SignatureError::NoMatch)
        );
    }

    #[test]
    fn everything_that_is_signed_counts() {
        let time = NOW.to_string();
        let good = signature("new-secret", URI, &time);
        let elsewhere = URI.replace("hooks", "other");
        assert_eq!(verdict(&elsewhere, &good, &time, NOW), Err(SignatureError::NoMatch));
        assert_eq!(verdict(URI, &good, &(NOW + 1).to_string(), NOW), Err(SignatureError::NoMatch));
        assert_eq!(verdict(URI, &good, "", NOW), Err(SignatureError::NoTime));
        assert_eq!(verdict(URI, &good, "2026-06-01", NOW), Err(SignatureError::NoTime));
        assert_eq!(verdict(URI, "", &time, NOW), Err(SignatureError::NoSignature("v3")));
        assert_eq!(verdict(URI, &good.to_uppercase(), &time, NOW), Err(SignatureError::NoMatch));
    }

    #[test]
    fn the_listed_characters_of_the_uri_are_decoded_and_no_others() {
        assert_eq!(
            decoded("https://a.example/x%3A%2f%3F%40%21%24%27%28%29%2A%2C%3B?a=%20%26%3D%"),
            "https://a.example/x:/?@!$'()*,;?a=%20%26%3D%"
        );
        assert_eq!(decoded("%25%zz%\u{e4}%2"), "%25%zz%\u{e4}%2");
        let (sent, hashed) = (format!("{URI}?to=a%40b.example"), format!("{URI}?to=a@b.example"));
        let time = NOW.to_string();
        assert_eq!(verdict(&sent, &signature("new-secret", &hashed, &time), &time, NOW), Ok(()));
    }
}
