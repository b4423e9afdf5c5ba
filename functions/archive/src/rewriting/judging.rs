//! Decides what of a row is kept once people were erased: the same as the schema's `erase_row`
//! decides for rows in Postgres (docs/adr/0060-erasing-a-person.md).

use std::collections::BTreeMap;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use jiff::Timestamp;
use penstock_domain::erasure::{ErasedNames, names_in, of_email, of_object, of_session, of_user};
use penstock_domain::facts::Kept;
use penstock_domain::ids::OutboxId;
use penstock_domain::intake::{self, EVENTS, LEADS};
use penstock_domain::record::{Media, RowView};
use penstock_domain::source::OwnAccount;
use serde_json::Value;
use uuid::Uuid;

/// Columns that are keys, or words of our own. They are kept as they are: rows would no longer be
/// told apart, or money would be counted twice.
const KEYS: &[&str] = &[
    "row_key",
    "outbox_id",
    "run_id",
    "source",
    "sender",
    "entity",
    "kind",
    "external_id",
    "version_key",
    "event_id",
    "lead_id",
    "letter_id",
    "transaction_id",
    "message_id",
    "conflicts_with",
    "calendar_id",
    "recurring_event_id",
    "content_type",
    "content_encoding",
    "currency",
    "state",
    "error_kind",
    "error_class",
];

/// Entities of vendors that are kept as evidence, without what they say of a person.
const EVIDENCE: &[&str] = &["charge", "refund", "dispute", "deal", "event"];

/// A row of a file: its columns of text and of bytes, by name. A null is left out.
pub(super) type Row<'r> = BTreeMap<&'r str, &'r [u8]>;

/// The fate of a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// It has nothing of a person who was erased.
    Keep,
    /// It is such a person's own.
    Drop,
    /// Columns with other values, each with the new one; `None` is null.
    Change(Vec<(String, Option<Vec<u8>>)>),
}

/// Decides about a row of a table.
pub(super) fn judge(table: &str, row: &Row<'_>, names: &ErasedNames) -> Verdict {
    if names.is_empty() {
        return Verdict::Keep;
    }
    match table {
        // Amounts, states, times and ids. The payload is in the outbox.
        "payments" => Verdict::Keep,
        "calendar_events" if is_own(table, row, names) || is_named(row, names) => {
            emptied(row, &["summary"])
        }
        "calendar_events" => Verdict::Keep,
        "dead_letters" if is_own(table, row, names) || is_named(row, names) => Verdict::Drop,
        "outbox" => judge_outbox(row, names),
        _ if is_own(table, row, names) => Verdict::Drop,
        _ => masked(row, names),
    }
}

fn judge_outbox(row: &Row<'_>, names: &ErasedNames) -> Verdict {
    let (source, entity) = (text(row, "source"), text(row, "entity"));
    let is_evidence = ![LEADS, EVENTS].contains(&source) && EVIDENCE.contains(&entity);
    let is_own = is_own("outbox", row, names);
    if is_evidence && (is_own || is_named(row, names)) {
        emptied(row, &["payload", "payload_bytes", "query"])
    } else if is_own || source == LEADS && is_their_lead(row, names) {
        Verdict::Drop
    } else {
        masked(row, names)
    }
}

/// Whether a column says that the row is a person's own.
fn is_own(table: &str, row: &Row<'_>, names: &ErasedNames) -> bool {
    let has_object = |source: &str, id: &str| names.has(&of_object(source, id));
    let has_email = || names.has(&of_email(text(row, "email")));
    let (source, id) = (text(row, "source"), text(row, "external_id"));
    match table {
        "contacts" => has_object(source, id) || has_email(),
        "leads" => has_object(LEADS, text(row, "lead_id")) || has_email(),
        "events" => {
            let user = row.get("user_id").map(|_| of_user(text(row, "user_id")));
            let session = row.get("session_id").map(|_| of_session(text(row, "session_id")));
            has_object(EVENTS, text(row, "event_id"))
                || user.or(session).is_some_and(|name| names.has(&name))
        }
        "outbox" | "dead_letters" => {
            has_object(source, id)
                || source == EVENTS && whose_event(row).is_some_and(|name| names.has(&name))
        }
        _ => has_object(source, id),
    }
}

/// Whether a lead that was sent is a person's own, as `process` reads it.
fn is_their_lead(row: &Row<'_>, names: &ErasedNames) -> bool {
    let payload = row.get("payload").or_else(|| row.get("payload_bytes")).copied();
    let encoding = text(row, "content_encoding");
    let sent = RowView {
        id: OutboxId(Uuid::nil()),
        source: LEADS,
        entity: text(row, "entity"),
        external_id: text(row, "external_id"),
        version_at: Timestamp::UNIX_EPOCH,
        payload: payload.unwrap_or_default(),
        media: Media {
            content_type: text(row, "content_type"),
            content_encoding: Some(encoding).filter(|encoding| !encoding.is_empty()),
        },
        own: OwnAccount::default(),
    };
    let read = intake::normalize::lead(sent);
    read.is_ok_and(|mut facts| facts.forget(sent, false, names) == Kept::Nothing)
}

/// Returns the name of whoever the payload of an event is about: its user, or else its session.
fn whose_event(row: &Row<'_>) -> Option<String> {
    let event: Value = serde_json::from_slice(row.get("payload")?).ok()?;
    let said = |names: [&str; 2]| {
        names.into_iter().find_map(|name| match event.get(name)? {
            Value::String(id) => Some(id.clone()),
            Value::Number(id) => Some(id.to_string()),
            _ => None,
        })
    };
    let user = said(["userId", "user_id"]).map(|id| of_user(&id));
    user.or_else(|| said(["sessionId", "session_id"]).map(|id| of_session(&id)))
}

/// Whether a text of the row names a person. A message has bodies in base64 inside of its text.
fn is_named(row: &Row<'_>, names: &ErasedNames) -> bool {
    let names_one = |text: &[u8]| names_in(text).iter().any(|name| names.has(name));
    searched(row).any(|(_, text)| names_one(text) || bodies(text).iter().any(|it| names_one(it)))
}

/// Returns the bodies in a message, decoded.
fn bodies(text: &[u8]) -> Vec<Vec<u8>> {
    fn gather(value: &Value, found: &mut Vec<Vec<u8>>) {
        match value {
            Value::Object(fields) => {
                for (name, value) in fields {
                    match value {
                        Value::String(body) if name == "body" => {
                            found.extend(STANDARD.decode(body).ok());
                        }
                        other => gather(other, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| gather(item, found)),
            _ => {}
        }
    }
    let mut found = Vec::new();
    if let Ok(value) = serde_json::from_slice::<Value>(text) {
        gather(&value, &mut found);
    }
    found
}

/// The columns that are searched for names.
fn searched<'r>(row: &'r Row<'_>) -> impl Iterator<Item = (&'r str, &'r [u8])> {
    row.iter().map(|(name, text)| (*name, *text)).filter(|(name, _)| !KEYS.contains(name))
}

/// The row without names. A text that cannot be masked is null.
fn masked(row: &Row<'_>, names: &ErasedNames) -> Verdict {
    let changed = searched(row).filter_map(|(column, text)| {
        let kept = names.masked(text)?;
        Some((column.to_owned(), Some(kept).filter(|kept| !kept.is_empty())))
    });
    changed_or_kept(changed.collect())
}

/// The row without these columns.
fn emptied(row: &Row<'_>, columns: &[&str]) -> Verdict {
    let full = columns.iter().filter(|column| row.contains_key(*column));
    changed_or_kept(full.map(|column| ((*column).to_owned(), None)).collect())
}

fn changed_or_kept(columns: Vec<(String, Option<Vec<u8>>)>) -> Verdict {
    if columns.is_empty() { Verdict::Keep } else { Verdict::Change(columns) }
}

fn text<'r>(row: &Row<'r>, column: &str) -> &'r str {
    row.get(column).and_then(|text| std::str::from_utf8(text).ok()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn erased(names: &[&str]) -> ErasedNames {
        let mut all = ErasedNames::salted(b"salt");
        for name in names {
            let hash = all.hash(name);
            all.add(&hash);
        }
        all
    }

    fn row<'r>(columns: &[(&'r str, &'r str)]) -> Row<'r> {
        columns.iter().map(|(name, text)| (*name, text.as_bytes())).collect()
    }

    fn anna() -> ErasedNames {
        erased(&[
            "email:anna@example.com",
            "user:u-17",
            "session:s-1",
            "object:hubspot:501",
            "object:leads:0190",
            "object:gcal:entry-1",
        ])
    }

    #[test]
    fn rows_that_are_a_persons_own_are_dropped() {
        for (table, own) in [
            ("contacts", row(&[("source", "hubspot"), ("external_id", "501")])),
            ("contacts", row(&[("source", "other"), ("email", " Anna@Example.com ")])),
            ("leads", row(&[("lead_id", "0190"), ("name", "A")])),
            ("leads", row(&[("lead_id", "1"), ("email", "anna@example.com")])),
            ("events", row(&[("event_id", "e1"), ("user_id", "u-17"), ("session_id", "s-9")])),
            ("events", row(&[("event_id", "e1"), ("session_id", "s-1")])),
            ("outbox", row(&[("source", "events"), ("payload", r#"{"userId":"u-17"}"#)])),
            ("outbox", row(&[("source", "leads"), ("external_id", "0190")])),
            (
                "outbox",
                row(&[("source", "hubspot"), ("entity", "contact"), ("external_id", "501")]),
            ),
            (
                "outbox",
                row(&[
                    ("source", "leads"),
                    ("entity", "lead"),
                    ("external_id", "01890000-0000-7000-8000-000000000001"),
                    ("content_type", "application/json"),
                    ("payload", r#"{"email":"Anna@Example.com","name":"Anna"}"#),
                ]),
            ),
            ("dead_letters", row(&[("source", "events"), ("payload", r#"{"user_id":"u-17"}"#)])),
            ("dead_letters", row(&[("error", "no map knows anna@example.com")])),
        ] {
            assert_eq!(judge(table, &own, &anna()), Verdict::Drop, "{table} {own:?}");
        }
    }

    #[test]
    fn a_message_is_searched_in_the_base64_of_its_body() {
        let body = STANDARD.encode("email=anna%40example.com");
        let payload = format!(r#"{{"v":1,"requests":[{{"body":"{body}"}}]}}"#);
        let letter = row(&[("error", "refused"), ("payload", &payload)]);
        assert_eq!(judge("dead_letters", &letter, &anna()), Verdict::Drop);
    }

    #[test]
    fn rows_of_others_lose_the_name_and_nothing_else() {
        let lead = row(&[
            ("lead_id", "1"),
            ("email", "bob@example.com"),
            ("description", "ask anna@example.com"),
            ("payload", r#"{"text":"ask anna@example.com"}"#),
        ]);
        let Verdict::Change(changed) = judge("leads", &lead, &anna()) else { panic!("kept") };
        let changed: BTreeMap<_, _> = changed.into_iter().collect();
        let said = |text: &str| Some(text.as_bytes().to_vec());
        assert_eq!(changed.len(), 2);
        assert_eq!(changed["description"], said("ask ***"));
        assert_eq!(changed["payload"], said(r#"{"text":"ask ***"}"#));
    }

    #[test]
    fn money_and_entries_stay_as_evidence_without_what_they_say() {
        let charge = [("source", "stripe"), ("entity", "charge"), ("external_id", "ch_1")];
        let payload = ("payload", r#"{"receipt_email":"anna@example.com"}"#);
        let named = row(&[&charge[..], &[payload]].concat());
        let expected = Verdict::Change(vec![("payload".to_owned(), None)]);
        assert_eq!(judge("outbox", &named, &anna()), expected);
        let entry = row(&[("source", "gcal"), ("external_id", "entry-1"), ("summary", "Lunch")]);
        let expected = Verdict::Change(vec![("summary".to_owned(), None)]);
        assert_eq!(judge("calendar_events", &entry, &anna()), expected);
        let payment =
            row(&[("source", "stripe"), ("external_id", "ch_1"), ("status", "collected")]);
        assert_eq!(judge("payments", &payment, &anna()), Verdict::Keep);
    }

    #[test]
    fn rows_without_the_person_are_kept_and_keys_are_never_masked() {
        let names = erased(&["id:user-12345"]);
        let event = row(&[("event_id", "user-12345"), ("user_id", "bob"), ("payload", "{}")]);
        assert_eq!(judge("events", &event, &names), Verdict::Keep);
        let lead = row(&[("lead_id", "1"), ("email", "joanna@example.com")]);
        assert_eq!(judge("leads", &lead, &anna()), Verdict::Keep);
        assert_eq!(judge("leads", &lead, &ErasedNames::default()), Verdict::Keep);
        // An evidence without a payload has nothing to lose.
        let bare = row(&[("source", "stripe"), ("entity", "charge"), ("external_id", "ch_1")]);
        assert_eq!(judge("outbox", &bare, &erased(&["object:stripe:ch_1"])), Verdict::Keep);
    }

    #[test]
    fn a_text_that_cannot_be_masked_is_null() {
        let body = b"\0 anna@example.com".as_slice();
        let lead: Row<'_> = [("lead_id", b"1".as_slice()), ("payload_bytes", body)].into();
        let expected = Verdict::Change(vec![("payload_bytes".to_owned(), None)]);
        assert_eq!(judge("leads", &lead, &anna()), expected);
    }
}
