//! The library of Standard Webhooks as an oracle: it verifies what `settle` sends to the client,
//! and `transact` takes what it signs.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::clock::Clock as _;
use penstock_tests::simulators::third_party::{
    ClientFault, Fate, Heard, Status, ThirdPartySimulator, When,
};
use penstock_tests::test_app::transactions::{CLIENT_SECRETS, Reply, Transactions};
use serde::Deserialize;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::vendors::ask;

const COUNT: u128 = 30;

const OTHER_SECRET: &str = "whsec_YSBzZWNyZXQgdGhhdCB0aGUgY2xpZW50IGhhcyBub3Q=";

/// The id of the call-backs that the library signs.
const MESSAGE: &str = "msg_2KWPBgLlAfxdpx2AI54pPJ85f4W";

/// The library's word on a request.
#[derive(Debug, Deserialize, PartialEq)]
#[serde(rename_all = "snake_case")]
enum Word {
    /// The signature that it makes.
    Made(String),
    /// The body of a request that it has verified, as it reads it.
    Read(Value),
    /// The reason why it does not verify the request.
    Refused(String),
}

/// A request as the client's server hands it to the library.
#[derive(Clone)]
struct Handed {
    secret: &'static str,
    at: Timestamp,
    headers: BTreeMap<String, String>,
    body: String,
}

impl Handed {
    fn of(heard: &Heard, secret: &'static str) -> Self {
        let headers: BTreeMap<_, _> = heard.headers.iter().cloned().collect();
        assert_eq!(headers.len(), heard.headers.len(), "each header is there once");
        let body = String::from_utf8(heard.body.clone()).unwrap();
        Self { secret, at: heard.at, headers, body }
    }

    fn with(&self, name: &str, value: &str) -> Self {
        let mut changed = self.clone();
        let known = changed.headers.insert(name.to_owned(), value.to_owned());
        assert!(known.is_some_and(|known| known != value), "{name} is changed");
        changed
    }

    /// Returns variants that no receiver may accept, each with the library's reason.
    fn forged(&self) -> Vec<(Self, &'static str)> {
        const NO_MATCH: &str = "No matching signature found";
        let time: i64 = self.headers["webhook-timestamp"].parse().unwrap();
        let at = |seconds| Timestamp::from_second(time + seconds).unwrap();
        vec![
            (Self { body: format!("{} ", self.body), ..self.clone() }, NO_MATCH),
            (
                Self { body: self.body.replace("transaction.", "transactions."), ..self.clone() },
                NO_MATCH,
            ),
            (self.with("webhook-timestamp", &(time + 1).to_string()), NO_MATCH),
            (self.with("webhook-timestamp", &(time - 1).to_string()), NO_MATCH),
            (self.with("webhook-id", "msg_of_another"), NO_MATCH),
            (Self { secret: OTHER_SECRET, ..self.clone() }, NO_MATCH),
            (Self { at: at(301), ..self.clone() }, "Message timestamp too old"),
            (Self { at: at(-301), ..self.clone() }, "Message timestamp too new"),
        ]
    }

    fn json(&self) -> Value {
        let Self { secret, at, headers, body } = self;
        json!({"vendor": "standard", "secret": secret, "at_ms": at.as_millisecond(), "headers": headers, "body": body})
    }
}

/// Lets transactions end, whose client fails four in ten times. Returns the requests to it.
async fn notified(seed: u64) -> Vec<Heard> {
    let mut world = Transactions::start(seed).await;
    let ends = [Status::Completed, Status::Declined, Status::Failed];
    world.party.terms(|terms| {
        terms.fates = ends.map(|status| (Fate::new(status, When::AtOnce), 1)).to_vec();
    });
    world.client.weather(&[ClientFault::Status(500), ClientFault::ReplyLost], 400);
    for n in 0..COUNT {
        world.submit(Uuid::from_u128(n + 1)).await;
    }
    world.work_for(Duration::from_secs(24 * 60 * 60)).await;
    let told = world.client.told();
    assert_eq!(told.len(), 30);
    for (id, told) in told {
        assert_eq!(told, [world.status(id).await], "{id}");
    }
    let heard = world.client.heard();
    for (answer, what) in [(Some(204), "taken"), (Some(500), "failed"), (None, "lost")] {
        assert!(heard.iter().any(|it| it.answer == answer), "no reply was {what}");
    }
    heard
}

#[tokio::test]
async fn each_notification_is_verified_by_a_library_that_is_not_ours() {
    let heard = notified(611).await;
    let each =
        heard.iter().flat_map(|it| CLIENT_SECRETS.map(|secret| (it, Handed::of(it, secret))));
    let (mut asked, mut expected) = (Vec::new(), Vec::new());
    for (it, handed) in each {
        asked.push(handed.json());
        expected.push(Word::Read(it.json()));
        for (forged, reason) in handed.forged() {
            asked.push(forged.json());
            expected.push(Word::Refused(reason.to_owned()));
        }
    }
    let words: Vec<Word> = ask(&asked).await;
    assert_eq!(words.len(), asked.len());
    for ((asked, word), expected) in asked.iter().zip(words).zip(expected) {
        assert_eq!(word, expected, "{asked}");
    }
}

/// Has the library sign a call-back.
async fn signed(at: Timestamp, body: &str) -> String {
    let request = json!({
        "vendor": "standard", "secret": ThirdPartySimulator::secret(), "at_ms": at.as_millisecond(),
        "headers": null, "id": MESSAGE, "body": body,
    });
    let words: Vec<Word> = ask(&[request]).await;
    let [Word::Made(signature)] = words.as_slice() else { panic!("{words:?}") };
    signature.clone()
}

#[tokio::test]
async fn a_call_back_is_taken_that_a_library_signs_which_is_not_ours() {
    let mut world = Transactions::start(612).await;
    let id = Uuid::from_u128(1);
    world.party.destine(id, Fate::new(Status::Completed, When::Never));
    world.submit(id).await;
    world.work_for(Duration::from_secs(10)).await;
    let at = world.clock.now();
    let body = format!(
        "{{\n  \"id\": \"{id}\", \"status\": \"declined\", \"note\": \"Zoë 李 \u{1f600}\"\n}}"
    );
    let (signature, time) = (signed(at, &body).await, at.as_second().to_string());
    let headers =
        [("Webhook-Id", MESSAGE), ("Webhook-Timestamp", &time), ("Webhook-Signature", &signature)];
    let call = async |body: &str| -> Reply {
        world.ask("POST", "/webhooks/transactions", &headers, body.as_bytes()).await
    };
    for changed in [body.replace("declined", "completed"), body.replace(' ', "")] {
        let reply = call(&changed).await;
        let problem = &reply.body["type"];
        assert_eq!((reply.status, problem), (400, &json!("urn:penstock:problem:bad-signature")));
    }
    assert_eq!(world.status(id).await, "submitted");
    let reply = call(&body).await;
    assert_eq!((reply.status, &reply.body["outcome"]), (200, &json!("applied")), "{reply:?}");
    assert_eq!(world.status(id).await, "declined");
}
