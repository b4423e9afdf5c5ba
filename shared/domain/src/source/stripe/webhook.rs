//! Stripe's webhooks and their signature scheme `v1` (docs.stripe.com/webhooks#verify-manually).
//! The verdicts are those of Stripe's own SDKs.

use jiff::Timestamp;

use super::origin::Origin;
use super::{Stripe, item};
use crate::fetch_request::Mode;
use crate::record::Delivery;
use crate::signature::{Claim, Encoding, SignatureError, SignedAt, Verified};
use crate::source::{Signed, Source, WebhookRequest};

const HEADER: &str = "Stripe-Signature";

/// Schemes such as `v0`, of test events, prove nothing.
const SCHEME: &str = "v1";

impl Signed for Stripe {
    fn vendor(&self) -> &'static str {
        "stripe"
    }

    /// Signed are the time, a full stop and the body. Several signatures may come, one a secret.
    fn claim<'r>(&self, request: &WebhookRequest<'r>) -> Result<Claim<'r>, SignatureError> {
        let header = request.header(HEADER)?;
        let parts = || header.split(',').filter_map(|part| part.split_once('='));
        let time =
            parts().find(|(key, _)| *key == "t").and_then(|(_, value)| value.parse::<i64>().ok());
        let time = time.ok_or(SignatureError::NoTime)?;
        let signatures: Vec<&str> =
            parts().filter(|(key, _)| *key == SCHEME).map(|(_, value)| value).collect();
        if signatures.is_empty() {
            return Err(SignatureError::NoSignature(SCHEME));
        }
        Ok(Claim {
            before: format!("{time}."),
            after: "",
            signatures,
            encoding: Encoding::Hex,
            signed_at: Some(SignedAt::Seconds(time)),
        })
    }

    fn delivery<'a>(&self, body: Verified<'a>, received_at: Timestamp) -> Delivery<'a> {
        let (item, named) = item::delivery(body.bytes(), received_at);
        let origin = Origin::of(body.bytes());
        let readable =
            |(kind, _): &(String, String)| self.entities(Mode::Refetch).contains(&kind.as_str());
        Delivery {
            item: Some(item),
            refetches: named.filter(readable).into_iter().collect(),
            livemode: origin.livemode(),
            account: origin.account().map(str::to_owned),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::signature::{SigningSecrets, verify};

    const BODY: &[u8] = b"{\n  \"id\": \"evt_test_webhook\",\n  \"object\": \"event\"\n}";
    /// Of [`BODY`] at 1700000000, by Stripe's own SDK.
    const SIGNATURE: &str = "4f1cd7feda9826e746b7d482c4badebb657398df1099e1046364f6196a230150";

    fn verdict(header: &str, now: i64) -> Result<(), SignatureError> {
        let secrets = SigningSecrets::parse("whsec_test_secret").unwrap();
        let headers = |name: &str| (name == HEADER).then_some(header);
        let claim = Stripe.claim(&WebhookRequest { method: "POST", url: "", headers: &headers })?;
        verify(BODY, &claim, &secrets, Timestamp::from_second(now).unwrap()).map(|verified| {
            assert_eq!(verified.bytes(), BODY);
        })
    }

    #[test]
    fn a_signature_of_stripes_own_sdk_is_good_for_300_seconds_and_from_the_future() {
        let header = format!("t=1700000000,v1={SIGNATURE}");
        for (age, expected) in
            [(0, Ok(())), (-86_400, Ok(())), (300, Ok(())), (301, Err(SignatureError::TooOld))]
        {
            assert_eq!(verdict(&header, 1_700_000_000 + age), expected, "{age} s old");
        }
    }

    #[test]
    fn one_good_signature_among_others_is_enough_and_other_schemes_count_for_nothing() {
        for header in [
            format!("t=1700000000,v1=bad,v1={SIGNATURE},v0=x"),
            format!("v1={SIGNATURE},v1=,t=1700000000"),
            format!("t=1700000000,v2=a=b,v1={SIGNATURE},,=,x"),
        ] {
            assert_eq!(verdict(&header, 1_700_000_000), Ok(()), "{header}");
        }
    }

    #[test]
    fn each_reason_has_its_own_word() {
        use SignatureError::{NoMatch, NoSignature, NoTime};
        for (header, expected) in [
            (String::new(), NoTime),
            (format!("v1={SIGNATURE}"), NoTime),
            (format!("t=,v1={SIGNATURE}"), NoTime),
            (format!("t=1e9,v1={SIGNATURE}"), NoTime),
            (format!("t=99999999999999999999,v1={SIGNATURE}"), NoTime),
            ("t=1700000000".to_owned(), NoSignature("v1")),
            (format!("t=1700000000,v0={SIGNATURE}"), NoSignature("v1")),
            (format!("t=1700000000, v1={SIGNATURE}"), NoSignature("v1")),
            ("t=1700000000,v1=".to_owned(), NoMatch),
            (format!("t=1700000000,v1={}", SIGNATURE.to_uppercase()), NoMatch),
            (format!("t=1700000001,v1={SIGNATURE}"), NoMatch),
            (format!("t={},v1={SIGNATURE}", i64::MIN), NoMatch),
        ] {
            assert_eq!(verdict(&header, 1_700_000_000), Err(expected), "{header}");
        }
    }
}
