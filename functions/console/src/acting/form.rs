//! Forms: the fields that a page of the console sends.

use penstock_edge::http::{FieldError, Problem, Request, header};

/// The longest form, in bytes. The ids of the chosen rows take the most of it.
const BODY_LIMIT: usize = 64 * 1024;

/// The fields of a form, in the order in which the browser has sent them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Form(Vec<(String, String)>);

impl Form {
    /// Reads the body of a request.
    ///
    /// # Errors
    /// 413 if it is too long, 415 if it is of another type, 400 if a field has a NUL, which no
    /// column of text takes.
    pub(crate) fn of(request: &Request) -> Result<Self, Problem> {
        let said = request.headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let said = said.unwrap_or_default().split(';').next().unwrap_or_default().trim();
        let form = Self::parse(&request.bytes(BODY_LIMIT)?)?;
        if !form.0.is_empty() && !said.eq_ignore_ascii_case("application/x-www-form-urlencoded") {
            let detail = "The body must be application/x-www-form-urlencoded.";
            return Err(Problem::unsupported_media_type(detail));
        }
        Ok(form)
    }

    /// Reads fields as a browser writes them, in a body or in a query.
    ///
    /// # Errors
    /// 400 if a field has a NUL.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, Problem> {
        let form = Self(form_urlencoded::parse(bytes).into_owned().collect());
        let faults =
            form.0.iter().filter(|(name, value)| name.contains('\0') || value.contains('\0'));
        let faults: Vec<FieldError> =
            faults.map(|(name, _)| fault(&name.replace('\0', ""), "must have no NUL")).collect();
        if faults.is_empty() { Ok(form) } else { Err(Problem::invalid(faults)) }
    }

    /// The text of a field, without space around it; `None` if it is empty or was not sent.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        let named = self.0.iter().filter(|(found, _)| found == name);
        named.map(|(_, value)| value.trim()).find(|value| !value.is_empty())
    }

    /// The texts of all fields of this name that are not empty.
    pub(crate) fn all<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let named = self.0.iter().filter(move |(found, _)| found == name);
        named.map(|(_, value)| value.trim()).filter(|value| !value.is_empty())
    }
}

/// The fault of one field. A page names the field by its label.
pub(crate) fn fault(name: &str, detail: &str) -> FieldError {
    FieldError { pointer: format!("#/{name}"), detail: detail.to_owned() }
}

/// 400 that names one field.
pub(crate) fn invalid(name: &str, detail: &str) -> Problem {
    Problem::invalid(vec![fault(name, detail)])
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn request(media_type: &str, body: &str) -> Request {
        let event = json!({
            "requestContext": {"http": {"method": "POST"}},
            "headers": {"content-type": media_type}, "body": body,
        });
        serde_json::from_value(event).unwrap()
    }

    #[test]
    fn a_field_is_text_without_space_around_it_and_may_come_several_times() {
        let media_type = "application/x-www-form-urlencoded; charset=UTF-8";
        let form = Form::of(&request(media_type, "why=+a%26b+&id=1&id=2&id=&rate=")).unwrap();
        assert_eq!(form.text("why"), Some("a&b"));
        assert_eq!(form.all("id").collect::<Vec<_>>(), ["1", "2"]);
        assert_eq!((form.text("rate"), form.text("other")), (None, None));
    }

    #[test]
    fn a_body_of_another_type_is_refused_and_none_at_all_is_an_empty_form() {
        for media_type in ["text/plain", "application/json", "multipart/form-data", ""] {
            let refused = Form::of(&request(media_type, "why=x")).unwrap_err();
            assert_eq!(refused.status.as_u16(), 415, "{media_type}");
        }
        assert_eq!(Form::of(&request("", "")).unwrap(), Form::default());
    }

    #[test]
    fn a_field_with_a_nul_is_named() {
        let refused = Form::parse(b"why=a%00b").unwrap_err();
        assert_eq!((refused.status.as_u16(), &*refused.errors[0].pointer), (400, "#/why"));
    }
}
