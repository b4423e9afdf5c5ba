//! Leads: any bytes at all, with the contact data that they hold, if any.

use serde_json::value::RawValue;
use uuid::Uuid;

use crate::disposition::{Reason, ReasonKind};
use crate::json::{Object, too_deep};
use crate::record::RowView;
use crate::text::printable;

/// The state that a lead got as it arrived. Its body is kept in each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LeadState {
    /// It is a lead.
    Accepted,
    /// Its Idempotency-Key had come with another body before. That other one is the lead.
    Conflicting,
    /// It came to `/api/lead` and cannot be read.
    Rejected,
}

impl LeadState {
    const ALL: [Self; 3] = [Self::Accepted, Self::Conflicting, Self::Rejected];

    /// Returns the word in `leads.state`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Accepted => "accepted",
            Self::Conflicting => "conflicting",
            Self::Rejected => "rejected",
        }
    }

    /// Returns the word in `outbox.entity`.
    #[must_use]
    pub fn entity(self) -> &'static str {
        match self {
            Self::Accepted => "lead",
            Self::Conflicting => "conflicting_lead",
            Self::Rejected => "rejected_lead",
        }
    }
}

/// A lead as its row holds it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lead {
    /// The lead's id; for a conflicting one the id of its row.
    pub id: Uuid,
    pub state: LeadState,
    /// The lead that its key belongs to.
    pub conflicts_with: Option<Uuid>,
    pub contact: Contact,
}

impl Lead {
    /// Reads a row. Its body may be anything, so a row of a known entity is always a lead.
    pub(super) fn of(row: RowView<'_>) -> Result<Self, Reason> {
        let strange =
            |what: &str| Reason::new(ReasonKind::Invalid, format!("{what} is none of a lead"));
        let state = LeadState::ALL.into_iter().find(|state| state.entity() == row.entity);
        let state = state.ok_or_else(|| strange("the entity"))?;
        let id = Uuid::try_parse(row.external_id).map_err(|_| strange("the external id"))?;
        let (id, conflicts_with) = match state {
            LeadState::Conflicting => (row.id.0, Some(id)),
            LeadState::Accepted | LeadState::Rejected => (id, None),
        };
        Ok(Self {
            id,
            state,
            conflicts_with,
            contact: Contact::read(row.payload).unwrap_or_default(),
        })
    }
}

/// The contact data of a lead. Text is as Postgres keeps it, with NUL shown as `␀`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Contact {
    /// `email` and its like.
    pub email: Option<String>,
    /// `phone` and its like.
    pub phone: Option<String>,
    /// `name`, or `firstName` and `lastName`.
    pub name: Option<String>,
    /// `company` and its like.
    pub company: Option<String>,
}

/// Characters kept of a contact field: a name or an address needs no more.
const LONGEST_FIELD: usize = 1_000;

impl Contact {
    /// Reads a body that is a JSON object or a form; `None` if it is neither.
    ///
    /// Fields are searched in the object and in the objects directly inside it, in any case of
    /// letters.
    #[must_use]
    pub fn read(body: &[u8]) -> Option<Self> {
        let text = std::str::from_utf8(body).ok()?;
        if text.trim_start().starts_with('{') {
            return Self::of_json(text);
        }
        let is_form = text.contains('=') && !text.contains(['{', '<', '\n', ' ']);
        is_form.then(|| {
            let pairs = form_urlencoded::parse(body);
            Found(pairs.map(|(name, value)| (plain(&name), value.into_owned())).collect()).contact()
        })
    }

    fn of_json(text: &str) -> Option<Self> {
        if too_deep(text).is_some() {
            return None;
        }
        let mut found = Found::default();
        let Object(fields) = serde_json::from_str(text).ok()?;
        let mut inner: Vec<Object<'_>> = Vec::new();
        for (name, value) in fields {
            found.take(&name, value);
            inner.extend(
                value
                    .get()
                    .starts_with('{')
                    .then(|| serde_json::from_str(value.get()).ok())
                    .flatten(),
            );
        }
        for (name, value) in inner.into_iter().flat_map(|object| object.0) {
            found.take(&name, value);
        }
        Some(found.contact())
    }
}

/// Fields by their plain names. Fields of the outer object come first.
#[derive(Default)]
struct Found(Vec<(String, String)>);

impl Found {
    fn take(&mut self, name: &str, value: &RawValue) {
        let value = value.get();
        let text = match value.as_bytes() {
            [b'"', ..] => serde_json::from_str::<String>(value).ok(),
            // A telephone number may come as a number.
            [b'0'..=b'9', ..] => Some(value.to_owned()),
            _ => None,
        };
        self.0.extend(text.map(|text| (plain(name), text)));
    }

    fn first(&self, names: &[&str]) -> Option<String> {
        let values =
            names.iter().flat_map(|name| self.0.iter().filter(move |(key, _)| key == name));
        let mut values = values.map(|(_, value)| value.trim()).filter(|value| !value.is_empty());
        Some(printable(values.next()?).chars().take(LONGEST_FIELD).collect())
    }

    fn contact(&self) -> Contact {
        let whole = self.first(&["name", "fullname", "contactname"]);
        let parts = [
            self.first(&["firstname", "givenname"]),
            self.first(&["lastname", "surname", "familyname"]),
        ];
        let parts: Vec<String> = parts.into_iter().flatten().collect();
        Contact {
            email: self.first(&["email", "emailaddress", "mail"]),
            phone: self.first(&[
                "phone",
                "phonenumber",
                "telephone",
                "tel",
                "mobile",
                "mobilephone",
            ]),
            name: whole.or_else(|| (!parts.is_empty()).then(|| parts.join(" "))),
            company: self.first(&["company", "companyname", "organization", "organisation"]),
        }
    }
}

/// Reduces a name, so that `First-Name`, `first_name` and `firstName` are the same.
fn plain(name: &str) -> String {
    name.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn email(body: &str) -> Option<String> {
        Contact::read(body.as_bytes())?.email
    }

    #[test]
    fn whom_to_call_is_found_in_json_and_in_forms_whatever_the_names_look_like() {
        let body = r#"{"First_Name":"Ada","last-name":"L","E-Mail":" a@b.example ","phone":49301234,"Company":"Engines"}"#;
        let contact = Contact::read(body.as_bytes()).unwrap();
        assert_eq!(contact.name.as_deref(), Some("Ada L"));
        assert_eq!(
            (contact.email.as_deref(), contact.phone.as_deref()),
            (Some("a@b.example"), Some("49301234"))
        );
        assert_eq!(contact.company.as_deref(), Some("Engines"));
        assert_eq!(email("name=Ada+L&email=a%40b.example").as_deref(), Some("a@b.example"));
        assert_eq!(
            email(r#"{"lead":{"email":"inner@b.example"},"email":"outer@b.example"}"#).as_deref(),
            Some("outer@b.example")
        );
        assert_eq!(
            email(r#"{"lead":{"email":"inner@b.example"}}"#).as_deref(),
            Some("inner@b.example")
        );
    }

    #[test]
    fn one_value_that_is_no_text_spoils_no_other() {
        let body = r#"{"x":1e400,"y":"\ud800","email":"a@b.example","name":"A\u0000B"}"#;
        let contact = Contact::read(body.as_bytes()).unwrap();
        assert_eq!(
            (contact.email.as_deref(), contact.name.as_deref()),
            (Some("a@b.example"), Some("A\u{2400}B"))
        );
    }

    #[test]
    fn what_is_neither_an_object_nor_a_form_cannot_be_read() {
        for body in ["", "null", "[]", "[{}]", "{", "text", "a b=c", "\u{0}", &"{\"a\":".repeat(99)]
        {
            assert_eq!(Contact::read(body.as_bytes()), None, "{body}");
        }
        assert_eq!(Contact::read(b"\xff{}"), None);
        assert_eq!(Contact::read(b"{}"), Some(Contact::default()));
    }
}
