//! Standard Webhooks (<https://www.standardwebhooks.com>): how a notification is signed, and what a
//! call-back claims.

use jiff::Timestamp;

use super::claim::{Claim, SignedAt};
use super::mac::{Encoding, sign};
use super::{SignatureError, SigningSecrets};
use crate::source::WebhookRequest;

/// The header with the message's id, which stays the same when it is sent again.
pub const ID: &str = "webhook-id";
/// The header with the time of the attempt, in Unix seconds.
pub const TIMESTAMP: &str = "webhook-timestamp";
/// The header with the signatures, separated by spaces.
pub const SIGNATURE: &str = "webhook-signature";

/// The scheme of HMAC-SHA256 with a shared secret.
const SCHEME: &str = "v1,";

/// Returns the headers that sign a message: one signature of each secret, so that a receiver who
/// knows only the old one or the new one verifies it.
#[must_use]
pub fn headers(
    id: &str,
    body: &[u8],
    secrets: &SigningSecrets,
    now: Timestamp,
) -> [(&'static str, String); 3] {
    let time = now.as_second().to_string();
    let before = format!("{id}.{time}.");
    let parts = [before.as_bytes(), body];
    let signatures = secrets.0.iter().filter_map(|secret| sign(secret, &parts, Encoding::Base64));
    let signatures: Vec<String> = signatures.map(|text| format!("{SCHEME}{text}")).collect();
    [(ID, id.to_owned()), (TIMESTAMP, time), (SIGNATURE, signatures.join(" "))]
}

/// Reads what a request claims. Its time is good for five minutes before and after.
///
/// # Errors
/// [`SignatureError`] if a header is missing, holds no time or no signature of the scheme `v1`.
pub fn claim<'r>(request: &WebhookRequest<'r>) -> Result<Claim<'r>, SignatureError> {
    let (id, time) = (request.header(ID)?, request.header(TIMESTAMP)?);
    let seconds: i64 = time.parse().map_err(|_| SignatureError::NoTime)?;
    let listed = request.header(SIGNATURE)?.split(' ');
    let signatures: Vec<&str> = listed.filter_map(|text| text.strip_prefix(SCHEME)).collect();
    if signatures.is_empty() {
        return Err(SignatureError::NoSignature("v1"));
    }
    Ok(Claim {
        before: format!("{id}.{time}."),
        after: "",
        signatures,
        encoding: Encoding::Base64,
        signed_at: Some(SignedAt::Milliseconds(seconds.saturating_mul(1_000))),
    })
}

#[cfg(test)]
mod tests {
    use super::super::verify;
    use super::*;

    /// The example of the specification.
    const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";
    const ID_OF_EXAMPLE: &str = "msg_p5jXN8AQM9LWM0D4loKWxJek";
    const BODY: &[u8] = br#"{"test": 2432232314}"#;

    fn at(seconds: i64) -> Timestamp {
        Timestamp::from_second(seconds).unwrap()
    }

    fn verdict(
        headers: &[(&str, String)],
        secrets: &str,
        now: Timestamp,
    ) -> Result<(), SignatureError> {
        let header = |name: &str| {
            headers.iter().find(|(it, _)| *it == name).map(|(_, value)| value.as_str())
        };
        let request =
            WebhookRequest { method: "POST", url: "https://example.com", headers: &header };
        let secrets = SigningSecrets::parse_standard(secrets).unwrap();
        verify(BODY, &claim(&request)?, &secrets, now).map(drop)
    }

    #[test]
    fn the_example_of_the_specification_is_signed_as_there() {
        let secrets = SigningSecrets::parse_standard(SECRET).unwrap();
        let headers = headers(ID_OF_EXAMPLE, BODY, &secrets, at(1_614_265_330));
        assert_eq!(headers[2].1, "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }

    #[test]
    fn trap_42_a_call_back_counts_only_with_a_signature_of_one_of_the_secrets_and_a_recent_time() {
        let other = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYX";
        let both = format!(r#"{{"signingSecrets":["{other}","{SECRET}"]}}"#);
        let of = |secrets: &str, seconds| {
            headers("m", BODY, &SigningSecrets::parse_standard(secrets).unwrap(), at(seconds))
                .to_vec()
        };
        assert_eq!(verdict(&of(&both, 1_000), SECRET, at(1_300)), Ok(()), "while they are rotated");
        assert_eq!(verdict(&of(SECRET, 1_000), &both, at(700)), Ok(()));
        assert_eq!(verdict(&of(other, 1_000), SECRET, at(1_000)), Err(SignatureError::NoMatch));
        for late in [1_301, 699] {
            let told = verdict(&of(SECRET, 1_000), SECRET, at(late));
            assert_eq!(told, Err(SignatureError::TooOld));
        }
        let mut unsigned = of(SECRET, 1_000);
        unsigned[2].1 = "v1a,AAAA".to_owned();
        assert_eq!(verdict(&unsigned, SECRET, at(1_000)), Err(SignatureError::NoSignature("v1")));
        assert_eq!(verdict(&[], SECRET, at(1_000)), Err(SignatureError::Missing(ID)));
    }
}
