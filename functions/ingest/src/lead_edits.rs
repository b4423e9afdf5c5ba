//! `PATCH /leads/{id}`: what people decide about a lead. Its history is written in the same
//! statement.

use penstock_clients::queue::Outlet;
use penstock_domain::audit::Action;
use penstock_domain::clock::Clock;
use penstock_domain::text::LONGEST_LEAD_FIELD;
use penstock_edge::http::{
    Call, Failure, FieldError, HeaderMap, Problem, Reply, StatusCode, header,
};
use penstock_store::audit::{self, Actor, Entry};
use penstock_store::leads::{self, Edited, LeadEdit};
use penstock_store::{StoreError, begin, commit};
use serde::Serialize;
use serde_json::{Map, Value};
use uuid::Uuid;

use crate::caller::Caller;
use crate::{Ports, RETRY_AFTER};

/// The longest body, in bytes.
pub(crate) const LONGEST_EDIT: usize = 16 * 1024;

/// The two fields that people write, as the lead has them now.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "LeadEdited"))]
#[serde(rename_all = "camelCase")]
pub struct EditedReply {
    id: Uuid,
    status: Option<String>,
    assigned_to: Option<String>,
}

/// A field of the body: missing, null, or a text.
type Field = Option<Option<String>>;

/// The body of a request, field by field.
#[derive(Debug, Default, PartialEq, Eq)]
struct Edit {
    status: Field,
    assigned_to: Field,
}

impl Edit {
    /// Reads the body.
    ///
    /// # Errors
    /// 400 that names every field that is unknown, or is neither null nor a short text.
    fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let object: Map<String, Value> = serde_json::from_slice(bytes)
            .map_err(|_| Problem::bad_request("invalid-body", "The body is no JSON object."))?;
        let (mut edit, mut faults) = (Self::default(), Vec::new());
        for (name, value) in object {
            let field = match name.as_str() {
                "status" => &mut edit.status,
                "assignedTo" => &mut edit.assigned_to,
                _ => {
                    faults.push(fault(&name, "is no field; there are status, assignedTo".into()));
                    continue;
                }
            };
            match text(value) {
                Ok(text) => *field = Some(text),
                Err(detail) => faults.push(fault(&name, detail)),
            }
        }
        if faults.is_empty() && edit == Self::default() {
            faults.push(fault("", "must have status or assignedTo".into()));
        }
        if faults.is_empty() { Ok(edit) } else { Err(Problem::invalid(faults)) }
    }
}

fn fault(name: &str, detail: String) -> FieldError {
    let name = name.replace('~', "~0").replace('/', "~1");
    let pointer = if name.is_empty() { "#".to_owned() } else { format!("#/{name}") };
    FieldError { pointer, detail }
}

fn text(value: Value) -> Result<Option<String>, String> {
    match value {
        Value::Null => Ok(None),
        Value::String(text)
            if (1..=LONGEST_LEAD_FIELD).contains(&text.chars().count())
                && !text.contains(char::is_control) =>
        {
            Ok(Some(text))
        }
        _ => Err(format!(
            "must be null, or a text of 1 to {LONGEST_LEAD_FIELD} characters without control characters"
        )),
    }
}

/// Refuses a body that says it is no JSON.
fn check_type(headers: &HeaderMap) -> Result<(), Problem> {
    let Some(said) = headers.get(header::CONTENT_TYPE) else { return Ok(()) };
    let said = said.to_str().unwrap_or_default().split(';').next().unwrap_or_default();
    let said = said.trim().to_ascii_lowercase();
    if said == "application/json" || said.ends_with("+json") {
        return Ok(());
    }
    Err(Problem::unsupported_media_type("The body must be application/json."))
}

/// The revision that the lead must have; `None` if any will do. Any text but an `ETag` of ours
/// matches no lead.
fn expected(headers: &HeaderMap) -> Option<i64> {
    let text = headers.get(header::IF_MATCH)?.to_str().unwrap_or("?").trim();
    if text.is_empty() || text == "*" {
        return None;
    }
    let quoted = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let digits = quoted.filter(|text| text.bytes().all(|byte| byte.is_ascii_digit()));
    Some(digits.and_then(|text| text.parse().ok()).unwrap_or(NO_REVISION))
}

/// A revision that no lead has.
const NO_REVISION: i64 = -1;

/// `PATCH /leads/{id}`: `status`, `assignedTo`; null clears one.
pub(crate) async fn edit<C: Clock, Q: Outlet>(
    ports: &Ports<C, Q>,
    call: Call<'_, Caller>,
) -> Result<Reply, Failure> {
    if let Some(away) = call.caller.away {
        return Err(Failure::from(Problem::unavailable(RETRY_AFTER)).because(away));
    }
    let unknown = || Problem::not_found("There is no such lead.");
    let id = call.path("id").and_then(|id| Uuid::try_parse(&id).ok()).ok_or_else(unknown)?;
    check_type(&call.request.headers)?;
    let edit = Edit::read(&call.request.bytes(LONGEST_EDIT)?)?;
    let by = call.caller.sender.namespace();
    let edit = LeadEdit {
        id,
        status: edit.status.as_ref().map(Option::as_deref),
        assigned_to: edit.assigned_to.as_ref().map(Option::as_deref),
        revision: expected(&call.request.headers),
        by: &by,
        now: call.now,
    };
    let object = id.to_string();
    let actor = Actor::Key { name: &by };
    let trail = Entry::new(actor, Action::LeadChanged, &object, call.id.as_str(), call.now);
    let trail = Entry { address: call.request.source_ip.as_deref(), ..trail };
    match ports.write(edit, trail).await? {
        Edited::Unknown => Err(unknown().into()),
        Edited::Changed { .. } => Err(Problem::changed(
            "The lead was changed since it was read with the ETag in If-Match.",
        )
        .into()),
        Edited::Done { status, assigned_to, revision, changes } => {
            tracing::info!(event = "lead_edited", request_id = call.id.as_str(), lead_id = %id, changes);
            let reply = Reply::json(StatusCode::OK, &EditedReply { id, status, assigned_to })?;
            Ok(reply.with_header(header::ETAG, &format!("\"{revision}\"")))
        }
    }
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Writes a change. The peer may have hung up before the statement came (trap 44); to do it
    /// again does no harm, except that a revision that was expected is gone.
    async fn write(&self, edit: LeadEdit<'_>, trail: Entry<'_>) -> Result<Edited, StoreError> {
        self.database
            .in_time(async {
                let once = || async {
                    let mut connection = self.database.connection().await?;
                    let tx = begin(&mut connection).await?;
                    let edited = leads::edit(&tx, edit).await?;
                    if let Edited::Done { changes, .. } = edited
                        && changes > 0
                    {
                        let count = Some(changes);
                        audit::write(&tx, &Entry { count, ..trail }).await?;
                    }
                    commit(tx).await?;
                    Ok::<_, StoreError>(edited)
                };
                match once().await {
                    Err(error) if error.is_broken_connection() && edit.revision.is_none() => {
                        once().await
                    }
                    outcome => outcome,
                }
            })
            .await
    }
}

#[cfg(test)]
mod tests {
    use penstock_edge::http::HeaderValue;

    use super::*;

    #[test]
    fn a_field_is_left_set_or_cleared() {
        let some = |text: &str| Some(Some(text.to_owned()));
        for (body, status, assigned_to) in [
            (r#"{"status":"won"}"#, some("won"), None),
            (r#"{"assignedTo":null}"#, None, Some(None)),
            (
                r#"{"status":null,"assignedTo":"ada@sales.example"}"#,
                Some(None),
                some("ada@sales.example"),
            ),
        ] {
            let edit = Edit::read(body.as_bytes()).unwrap();
            assert_eq!(edit, Edit { status, assigned_to }, "{body}");
        }
    }

    #[test]
    fn each_fault_of_a_body_is_named() {
        let long = format!(r#"{{"status":"{}"}}"#, "x".repeat(101));
        for (body, pointers) in [
            ("{}", &["#"][..]),
            (r#"{"status":7,"assignedTo":"","a/b":1}"#, &["#/assignedTo", "#/a~1b", "#/status"]),
            (r#"{"status":"a\u0000"}"#, &["#/status"]),
            (long.as_str(), &["#/status"]),
        ] {
            let problem = Edit::read(body.as_bytes()).unwrap_err();
            let mut found: Vec<&str> =
                problem.errors.iter().map(|error| error.pointer.as_str()).collect();
            found.sort_unstable();
            assert_eq!(found, pointers, "{body}");
        }
        for body in ["", "[]", "null", "status=won"] {
            assert_eq!(Edit::read(body.as_bytes()).unwrap_err().slug, "invalid-body", "{body}");
        }
    }

    #[test]
    fn a_type_that_is_no_json_is_415_and_none_is_taken_as_json() {
        for (said, status) in [
            (None, None),
            (Some("application/json; charset=utf-8"), None),
            (Some("application/merge-patch+json"), None),
            (Some("text/plain"), Some(415)),
            (Some("application/x-www-form-urlencoded"), Some(415)),
        ] {
            let header = said.map(|text| (header::CONTENT_TYPE, HeaderValue::from_static(text)));
            let refused = check_type(&HeaderMap::from_iter(header)).err();
            assert_eq!(refused.map(|problem| problem.status.as_u16()), status, "{said:?}");
        }
    }

    #[test]
    fn if_match_is_an_etag_or_any_and_what_is_neither_matches_no_lead() {
        for (said, revision) in [
            (None, None),
            (Some("*"), None),
            (Some(""), None),
            (Some("\"7\""), Some(7)),
            (Some("7"), Some(-1)),
            (Some("W/\"7\""), Some(-1)),
            (Some("\"\""), Some(-1)),
            (Some("\"1\", \"2\""), Some(-1)),
            (Some("\"99999999999999999999\""), Some(-1)),
        ] {
            let header = said.map(|text| (header::IF_MATCH, HeaderValue::from_static(text)));
            assert_eq!(expected(&HeaderMap::from_iter(header)), revision, "{said:?}");
        }
    }
}
