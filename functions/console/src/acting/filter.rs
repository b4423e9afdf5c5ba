//! Which failures a replay takes.

use jiff::Timestamp;
use penstock_domain::disposition::ReasonKind;
use penstock_edge::http::{FieldError, Problem};
use penstock_store::Chosen;
use penstock_store::failures::Filter;
use serde::Serialize;

use super::form::{Form, fault};

/// The longest text of a filter, in characters. No reason is longer.
pub(super) const LONGEST: usize = 400;

/// The failures that a person asks about. A field that is `None` leaves none out.
///
/// As JSON it is what the API's filter is, field by field: of two jobs with the same filter one is
/// at work, wherever they were planned.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Failing {
    #[serde(skip_serializing_if = "Option::is_none")]
    source: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connection: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    entity: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    error_kind: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    from: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    to: Option<Timestamp>,
}

impl Failing {
    /// Reads the filter's fields.
    ///
    /// # Errors
    /// 400 that names each field that cannot be read.
    pub(super) fn of(form: &Form) -> Result<Self, Problem> {
        let mut faults = Vec::new();
        let mut text = |name| sound_text(form, name, &mut faults);
        let (source, connection, entity) = (text("source"), text("connection"), text("entity"));
        let (reason, external_id) = (text("reason"), text("externalId"));
        let error_kind = text("errorKind").filter(|word| {
            let is_known = ReasonKind::ALL.into_iter().any(|kind| kind.as_str() == word);
            if !is_known {
                faults.push(fault("errorKind", "is no kind of a failure"));
            }
            is_known
        });
        let mut time = |name| {
            let text = form.text(name)?;
            let time = text.parse().ok();
            if time.is_none() {
                faults.push(fault(name, "must be a time, such as 2026-06-01T12:00:00Z"));
            }
            time
        };
        let (from, to) = (time("from"), time("to"));
        let failing =
            Self { source, connection, entity, error_kind, reason, external_id, from, to };
        if faults.is_empty() { Ok(failing) } else { Err(Problem::invalid(faults)) }
    }

    /// The filter as the store takes it.
    pub(super) fn filter(&self) -> Filter<'_> {
        Filter {
            chosen: Chosen {
                vendor: self.source.as_deref(),
                connection: self.connection.as_deref(),
            },
            entity: self.entity.as_deref(),
            error_kind: self.error_kind.as_deref(),
            reason: self.reason.as_deref(),
            external_id: self.external_id.as_deref(),
            since: self.from,
            until: self.to,
        }
    }

    /// The fields that are set, as a form or a query has them.
    pub(super) fn fields(&self) -> Vec<(&'static str, String)> {
        let time = |at: Option<Timestamp>| at.map(|at| at.to_string());
        let fields = [
            ("source", self.source.clone()),
            ("connection", self.connection.clone()),
            ("entity", self.entity.clone()),
            ("errorKind", self.error_kind.clone()),
            ("reason", self.reason.clone()),
            ("externalId", self.external_id.clone()),
            ("from", time(self.from)),
            ("to", time(self.to)),
        ];
        fields.into_iter().filter_map(|(name, value)| Some((name, value?))).collect()
    }
}

/// Reads a text of a filter; `None`, and a fault if it is too long.
pub(super) fn sound_text(
    form: &Form,
    name: &'static str,
    faults: &mut Vec<FieldError>,
) -> Option<String> {
    let text = form.text(name)?;
    if text.chars().count() > LONGEST {
        faults.push(fault(name, &format!("must have at most {LONGEST} characters")));
        return None;
    }
    Some(text.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(query: &str) -> Result<Failing, Problem> {
        Failing::of(&Form::parse(query.as_bytes()).unwrap())
    }

    #[test]
    fn a_filter_is_the_json_of_the_api_and_the_fields_that_made_it() {
        let query = "to=2026-06-01T12:00:00Z&errorKind=invalid&externalId=ch_1&source=stripe&reason=%3Cb%3E";
        let failing = read(query).unwrap();
        assert_eq!(
            serde_json::to_string(&failing).unwrap(),
            r#"{"source":"stripe","errorKind":"invalid","reason":"<b>","externalId":"ch_1","to":"2026-06-01T12:00:00Z"}"#
        );
        let mut fields = form_urlencoded::Serializer::new(String::new());
        for (name, value) in failing.fields() {
            fields.append_pair(name, &value);
        }
        assert_eq!(read(&fields.finish()).unwrap(), failing);
        assert_eq!(read("source=&to=").unwrap(), Failing::default());
    }

    #[test]
    fn each_field_that_cannot_be_read_is_named() {
        let long = "x".repeat(401);
        let refused = read(&format!("entity={long}&errorKind=odd&from=yesterday")).unwrap_err();
        let pointers: Vec<&str> = refused.errors.iter().map(|it| it.pointer.as_str()).collect();
        assert_eq!(pointers, ["#/entity", "#/errorKind", "#/from"]);
    }
}
