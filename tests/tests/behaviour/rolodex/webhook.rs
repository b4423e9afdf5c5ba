//! The webhook of the made-up vendor: a card, signed over its bytes and nothing else.

use jiff::Timestamp;
use penstock_domain::record::{Delivery, Item};
use penstock_domain::signature::{Claim, Encoding, SignatureError, Verified};
use penstock_domain::source::{Signed, WebhookRequest};
use sha2::{Digest, Sha256};

use super::{Card, Rolodex, item};

impl Signed for Rolodex {
    fn vendor(&self) -> &'static str {
        "rolodex"
    }

    fn claim<'r>(&self, request: &WebhookRequest<'r>) -> Result<Claim<'r>, SignatureError> {
        Ok(Claim {
            before: String::new(),
            after: "",
            signatures: vec![request.header("X-Rolodex-Signature")?],
            encoding: Encoding::Hex,
            signed_at: None,
        })
    }

    fn delivery<'a>(&self, body: Verified<'a>, received_at: Timestamp) -> Delivery<'a> {
        let is_card = serde_json::from_slice::<Card>(body.bytes()).is_ok();
        let item = match serde_json::from_slice(body.bytes()) {
            Ok(raw) if is_card => item(raw, None),
            _ => {
                let hash = hex::encode(Sha256::digest(body.bytes()));
                Item {
                    entity: "unknown".to_owned(),
                    external_id: hash.clone(),
                    version_key: hash,
                    version_at: received_at,
                    api_version: None,
                    payload: body.bytes(),
                }
            }
        };
        Delivery { item: Some(item), refetches: Vec::new(), livemode: None, account: None }
    }
}
