//! A third party over plain HTTP: `POST /transaction`, `GET /transaction/{id}`, and call-backs
//! `{id, status}` that are signed by the Standard Webhooks specification.

use serde::Deserialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use super::{Asked, CallBackError, Replied, ThirdParty, Verdict};
use crate::signature::{Claim, SignatureError, standard};
use crate::source::WebhookRequest;
use crate::transaction::Standing;

/// A third party over plain HTTP.
#[derive(Debug, Clone, Copy)]
pub struct Http;

/// Its words about a transaction. Other fields are its own.
#[derive(Deserialize)]
struct Told {
    #[serde(default)]
    id: Value,
    #[serde(default)]
    status: Value,
}

impl Told {
    /// Reads a JSON object. Serde would read an array as one too.
    fn read(body: &[u8]) -> Option<Self> {
        let object: Map<String, Value> = serde_json::from_slice(body).ok()?;
        serde_json::from_value(object.into()).ok()
    }

    fn id(&self) -> Option<Uuid> {
        Uuid::try_parse(self.id.as_str()?).ok()
    }

    fn standing(&self) -> Option<Standing> {
        match self.status.as_str()? {
            "pending" | "processing" | "submitted" | "accepted" => Some(Standing::Undecided),
            "completed" | "succeeded" => Some(Standing::Completed),
            "declined" | "rejected" => Some(Standing::Declined),
            "failed" => Some(Standing::Failed),
            _ => None,
        }
    }
}

impl ThirdParty for Http {
    fn name(&self) -> &'static str {
        "http"
    }

    fn submission(&self, id: &Uuid, body: &[u8]) -> Asked {
        let headers = vec![
            ("content-type", "application/json".to_owned()),
            ("idempotency-key", id.to_string()),
        ];
        Asked { method: "POST", path: "/transaction".to_owned(), headers, body: body.to_vec() }
    }

    fn question(&self, id: &Uuid) -> Asked {
        let path = format!("/transaction/{id}");
        Asked { method: "GET", path, headers: Vec::new(), body: Vec::new() }
    }

    fn submitted(&self, reply: &Replied<'_>) -> Verdict {
        match reply.status {
            // Its words for a submission that it does not take. 409 is none: the key is in use.
            400 | 402 | 413 | 415 | 422 => Verdict::Refused,
            _ => common(reply),
        }
    }

    fn answered(&self, reply: &Replied<'_>) -> Verdict {
        match reply.status {
            404 | 410 => Verdict::NotFound,
            _ => common(reply),
        }
    }

    fn claim<'r>(&self, request: &WebhookRequest<'r>) -> Result<Claim<'r>, SignatureError> {
        standard::claim(request)
    }

    fn call_back(&self, body: &[u8]) -> Result<(Uuid, Standing), CallBackError> {
        let told = Told::read(body).ok_or(CallBackError::NotAnObject)?;
        let id = told.id().ok_or(CallBackError::NoId)?;
        Ok((id, told.standing().ok_or(CallBackError::UnknownStatus)?))
    }
}

/// The sense of a status in reply to either request. A success says how the transaction stands only
/// if it is about this transaction: a proxy answers 200 as well.
fn common(reply: &Replied<'_>) -> Verdict {
    match reply.status {
        200..=299 => {
            let of_this =
                Told::read(reply.body).filter(|told| told.id().as_ref() == Some(reply.id));
            of_this.and_then(|told| told.standing()).map_or(Verdict::Unclear, Verdict::Said)
        }
        401 | 403 => Verdict::Unauthorized,
        429 => Verdict::Busy,
        _ => Verdict::Unclear,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: Uuid = Uuid::from_u128(7);

    fn told(status: u16, body: &str) -> (Verdict, Verdict) {
        let reply = Replied { id: &ID, status, body: body.as_bytes() };
        (Http.submitted(&reply), Http.answered(&reply))
    }

    fn of(id: Uuid, status: &str) -> String {
        format!(r#"{{"id":"{id}","status":"{status}","more":[1]}}"#)
    }

    #[test]
    fn a_submission_carries_the_transactions_id_as_its_key_and_the_clients_body_as_it_came() {
        let body = br#"{ "id":"x", "amount": 10.10 }"#;
        let submission = Http.submission(&ID, body);
        assert_eq!((submission.method, submission.path.as_str()), ("POST", "/transaction"));
        assert!(submission.headers.contains(&("idempotency-key", ID.to_string())));
        assert_eq!(submission.body, body);
        assert_eq!(Http.question(&ID).path, format!("/transaction/{ID}"));
    }

    #[test]
    fn a_word_counts_only_in_a_success_about_this_transaction() {
        let completed = Verdict::Said(Standing::Completed);
        assert_eq!(told(201, &of(ID, "completed")), (completed, completed));
        for (status, body) in [
            (200, of(Uuid::from_u128(8), "completed")),
            (200, "<html>".to_owned()),
            (200, of(ID, "sideways")),
            (500, of(ID, "completed")),
        ] {
            assert_eq!(
                told(status, &body),
                (Verdict::Unclear, Verdict::Unclear),
                "{status} {body}"
            );
        }
    }

    #[test]
    fn trap_39_a_timeout_of_a_gateway_says_nothing_and_a_refusal_says_that_nothing_was_done() {
        for status in [302, 408, 409, 425, 500, 502, 503, 504] {
            assert_eq!(told(status, "").0, Verdict::Unclear, "{status}");
        }
        for status in [400, 402, 422] {
            assert_eq!(told(status, "").0, Verdict::Refused, "{status}");
        }
        assert_eq!(told(404, ""), (Verdict::Unclear, Verdict::NotFound));
        assert_eq!(told(429, ""), (Verdict::Busy, Verdict::Busy));
        assert_eq!(told(401, ""), (Verdict::Unauthorized, Verdict::Unauthorized));
    }

    #[test]
    fn a_call_back_names_its_transaction_and_a_word_that_is_known() {
        let read = |body: &str| Http.call_back(body.as_bytes());
        assert_eq!(read(&of(ID, "declined")), Ok((ID, Standing::Declined)));
        assert_eq!(read("[]"), Err(CallBackError::NotAnObject));
        assert_eq!(read(r#"{"id":7,"status":"failed"}"#), Err(CallBackError::NoId));
        assert_eq!(read(&of(ID, "done")), Err(CallBackError::UnknownStatus));
    }
}
