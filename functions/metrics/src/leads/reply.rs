//! Leads as they are sent.

use jiff::Timestamp;
use penstock_domain::intake::{Contact, Details, LeadColumns};
use penstock_store::leads::{LeadChange, LeadRecord, WholeLead};
use serde::Serialize;
use serde_json::value::RawValue;
use uuid::Uuid;

use super::body::Shown;

/// A lead. Columns beside ids and times were read out of its body, or are null.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Lead"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeadItem {
    pub(super) id: Uuid,
    /// `accepted`; `conflicting` if its Idempotency-Key came with another body before; `rejected`
    /// if an older sender was told that it cannot be read.
    pub(super) state: String,
    /// The lead whose Idempotency-Key it came with.
    pub(super) conflicts_with: Option<Uuid>,
    pub(super) received_at: Timestamp,
    pub(super) status: Option<String>,
    pub(super) assigned_to: Option<String>,
    pub(super) first_name: Option<String>,
    pub(super) last_name: Option<String>,
    /// The whole name. A body may have it without its parts.
    pub(super) name: Option<String>,
    pub(super) email: Option<String>,
    pub(super) phone: Option<String>,
    pub(super) company: Option<String>,
    pub(super) country: Option<String>,
    pub(super) language: Option<String>,
    pub(super) ip: Option<String>,
    /// The domain of the page that the form is on.
    pub(super) domain: Option<String>,
    pub(super) offer: Option<String>,
    pub(super) source_type: Option<String>,
    pub(super) marker: Option<String>,
    pub(super) creative: Option<String>,
    pub(super) click_id: Option<String>,
    pub(super) description: Option<String>,
    /// The name of the API key that sent it.
    pub(super) sender: Option<String>,
    pub(super) content_type: String,
}

impl From<LeadRecord> for LeadItem {
    fn from(lead: LeadRecord) -> Self {
        let LeadColumns { contact, details } = lead.columns;
        let Contact { email, phone, name, first_name, last_name, company } = contact;
        let Details {
            country,
            language,
            ip,
            domain,
            offer,
            source_type,
            marker,
            creative,
            click_id,
            description,
        } = details;
        Self {
            id: lead.id,
            state: lead.state,
            conflicts_with: lead.conflicts_with,
            received_at: lead.received_at,
            status: lead.status,
            assigned_to: lead.assigned_to,
            first_name,
            last_name,
            name,
            email,
            phone,
            company,
            country,
            language,
            ip,
            domain,
            offer,
            source_type,
            marker,
            creative,
            click_id,
            description,
            sender: lead.sender,
            content_type: lead.content_type,
        }
    }
}

/// A lead with its body and its history.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "LeadDetail"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct LeadDetail {
    #[serde(flatten)]
    lead: LeadItem,
    /// `Content-Encoding` of the body as it came, if it was encoded.
    content_encoding: Option<String>,
    /// The query string that the body came with.
    query: Option<String>,
    /// The form in which `body` is shown: `json`, `text`, or `base64` of the bytes as they came.
    body_form: &'static str,
    /// The body. JSON and text are inflated and decoded.
    #[cfg_attr(feature = "contract", schemars(schema_with = "penstock_edge::contract::any_json"))]
    body: Box<RawValue>,
    /// The latest 200 changes, the newest first.
    history: Vec<Change>,
    #[serde(skip)]
    revision: i64,
}

/// A change of one field.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "LeadChange"))]
#[serde(rename_all = "camelCase")]
struct Change {
    /// `status` or `assignedTo`.
    field: &'static str,
    from: Option<String>,
    to: Option<String>,
    /// The name of the API key that changed it.
    by: String,
    at: Timestamp,
}

impl From<WholeLead> for LeadDetail {
    fn from(whole: WholeLead) -> Self {
        let encoding = whole.content_encoding.as_deref();
        let Shown { form, body } = Shown::of(&whole.body, &whole.lead.content_type, encoding);
        Self {
            lead: LeadItem::from(whole.lead),
            content_encoding: whole.content_encoding,
            query: whole.query,
            body_form: form,
            body,
            history: whole.history.into_iter().map(Change::from).collect(),
            revision: whole.revision,
        }
    }
}

impl LeadDetail {
    /// The validator of this version of the lead.
    pub(super) fn etag(&self) -> String {
        format!("\"{}\"", self.revision)
    }
}

impl From<LeadChange> for Change {
    fn from(change: LeadChange) -> Self {
        let LeadChange { field, from, to, by, at } = change;
        let field = if field == "status" { "status" } else { "assignedTo" };
        Self { field, from, to, by, at }
    }
}

/// How many of `leads` may go in one reply: as many as have `most` bytes, but at least one.
pub(super) fn fitting(leads: &[LeadRecord], most: usize) -> usize {
    let mut total = 0;
    let fits = |lead: &&LeadRecord| {
        total += weight(lead);
        total <= most
    };
    leads.iter().take_while(fits).count().max(1)
}

/// The most bytes that a lead has in the reply.
fn weight(lead: &LeadRecord) -> usize {
    let LeadColumns { contact, details } = &lead.columns;
    let texts = [
        &lead.status,
        &lead.assigned_to,
        &contact.email,
        &contact.phone,
        &contact.name,
        &contact.first_name,
        &contact.last_name,
        &contact.company,
        &details.country,
        &details.language,
        &details.ip,
        &details.domain,
        &details.offer,
        &details.source_type,
        &details.marker,
        &details.creative,
        &details.click_id,
        &details.description,
        &lead.sender,
    ];
    let texts: usize = texts.into_iter().flatten().map(|text| quoted_twice(text)).sum();
    // Names of fields, ids, times, punctuation.
    900 + texts + quoted_twice(&lead.content_type)
}

/// Bytes of a text as a string of JSON within a string of JSON: a control character becomes
/// `\\u0001`, a quotation mark `\\\"`.
fn quoted_twice(text: &str) -> usize {
    let of = |byte: u8| match byte {
        b'"' | b'\\' => 4,
        b'\n' | b'\r' | b'\t' => 3,
        0..0x20 => 7,
        _ => 1,
    };
    text.bytes().map(of).sum()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn lead(text: &str) -> LeadRecord {
        let column = || Some(text.to_owned());
        let contact = Contact {
            email: column(),
            phone: column(),
            name: column(),
            first_name: column(),
            last_name: column(),
            company: column(),
        };
        let details = Details {
            country: column(),
            language: column(),
            ip: column(),
            domain: column(),
            offer: column(),
            source_type: column(),
            marker: column(),
            creative: column(),
            click_id: column(),
            description: column(),
        };
        LeadRecord {
            id: Uuid::max(),
            state: "conflicting".to_owned(),
            conflicts_with: Some(Uuid::max()),
            status: column(),
            assigned_to: column(),
            columns: LeadColumns { contact, details },
            sender: column(),
            content_type: text.to_owned(),
            received_at: Timestamp::from_microsecond(1_767_225_600_123_456).unwrap(),
        }
    }

    proptest! {
        #[test]
        fn a_lead_is_not_longer_than_it_was_taken_for(text in "[\u{1}-\u{7f}\u{e4}\u{1f642}]{0,60}") {
            let lead = lead(&text);
            let weight = weight(&lead);
            let item = LeadItem::from(lead);
            let twice = serde_json::to_string(&serde_json::to_string(&item).unwrap()).unwrap();
            prop_assert!(twice.len() <= weight, "{} of {}: {}", twice.len(), weight, twice);
            let table = serde_json::to_string(&super::super::csv::table(&[item])).unwrap();
            prop_assert!(table.len() <= weight + 400, "{} of {}: {}", table.len(), weight, table);
        }
    }

    #[test]
    fn a_page_ends_before_it_is_too_long_and_has_at_least_one_lead() {
        let large = lead(&"\"".repeat(10_000));
        assert_eq!(fitting(&[large.clone(), large.clone()], 1_000), 1);
        let one = weight(&large);
        assert_eq!(fitting(&[large.clone(), large.clone(), large], 2 * one), 2);
    }
}
