//! The body of a request, as JSON or as a form: its fields, and what is wrong with them, in the
//! words of Better Auth. No message repeats a value.

use penstock_domain::account::password::{Password, Unfit};
use penstock_domain::account::{Email, LONGEST_IMAGE, LONGEST_NAME, Role};
use penstock_domain::text::printable;
use penstock_edge::http::{Problem, Request, StatusCode};
use serde_json::{Map, Value};

use crate::code::{Code, unfit};
use crate::media::{FORM, LONGEST, form_fields, is_own_path, media_type};

/// The fields of a body, and the faults that were found so far.
#[derive(Debug)]
pub(crate) struct Body {
    fields: Map<String, Value>,
    is_form: bool,
    faults: Vec<String>,
}

impl Body {
    /// Reads the body of a request. An empty one has no fields.
    ///
    /// # Errors
    /// 413 if it is too long, 415 if it is of another media type, 400 if it is no JSON object.
    pub(crate) fn read(request: &Request) -> Result<Self, Problem> {
        let bytes = request.bytes(LONGEST)?;
        let (media_type, is_form) = match media_type(request) {
            media_type if media_type == FORM => (media_type, true),
            media_type => (media_type, false),
        };
        let fields = if is_form {
            let pairs = form_fields(&bytes).into_iter();
            pairs.map(|(name, text)| (name, Value::String(text))).collect()
        } else if bytes.trim_ascii().is_empty() {
            Map::new()
        } else if media_type == "application/json" {
            object(&bytes)?
        } else {
            return Err(Problem::coded(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "UNSUPPORTED_MEDIA_TYPE",
                format!("Content-Type is not allowed. Allowed types: application/json, {FORM}"),
            ));
        };
        Ok(Self { fields, is_form, faults: Vec::new() })
    }

    fn fault(&mut self, field: &str, detail: &str) {
        self.faults.push(format!("[body.{field}] {detail}"));
    }

    /// A text; `None` if it is missing or null. Another type is a fault.
    pub(crate) fn optional(&mut self, field: &str) -> Option<String> {
        match self.fields.remove(field) {
            None | Some(Value::Null) => None,
            Some(Value::String(text)) => Some(text),
            Some(other) => {
                let found = type_of(&other);
                self.fault(field, &format!("Invalid input: expected string, received {found}"));
                None
            }
        }
    }

    /// A text that must be there.
    pub(crate) fn required(&mut self, field: &str) -> Option<String> {
        let is_missing = matches!(self.fields.get(field), None | Some(Value::Null));
        if is_missing {
            self.fault(field, "Invalid input: expected string, received undefined");
        }
        self.optional(field)
    }

    /// A choice; `None` if it is missing. A form says it in words.
    pub(crate) fn flag(&mut self, field: &str) -> Option<bool> {
        match self.fields.remove(field) {
            None | Some(Value::Null) => None,
            Some(Value::Bool(flag)) => Some(flag),
            Some(Value::String(word)) if self.is_form => match word.to_ascii_lowercase().as_str() {
                "true" | "on" => Some(true),
                "false" => Some(false),
                _ => {
                    self.fault(field, "Invalid input: expected boolean, received string");
                    None
                }
            },
            Some(other) => {
                let found = type_of(&other);
                self.fault(field, &format!("Invalid input: expected boolean, received {found}"));
                None
            }
        }
    }

    /// An e-mail address that must be there.
    pub(crate) fn email(&mut self, field: &str) -> Option<Email> {
        let text = self.required(field)?;
        let email = Email::parse(&text);
        if email.is_none() {
            self.fault(field, "Invalid email address");
        }
        email
    }

    /// A person's name; `None` if it is missing.
    pub(crate) fn name(&mut self, field: &str) -> Option<String> {
        let name = printable(self.optional(field)?.trim());
        if name.chars().count() > LONGEST_NAME {
            self.fault(
                field,
                &format!("Too big: expected string to have <={LONGEST_NAME} characters"),
            );
            return None;
        }
        Some(name)
    }

    /// The URL of a picture; `None` leaves what there is, and `Some(None)` takes it away.
    #[expect(clippy::option_option, reason = "a field may be missing, null or a text")]
    pub(crate) fn image(&mut self, field: &str) -> Option<Option<String>> {
        let is_cleared = matches!(self.fields.get(field), Some(Value::Null));
        let Some(text) = self.optional(field) else { return is_cleared.then_some(None) };
        let is_url = ["https://", "http://"].iter().any(|scheme| text.starts_with(scheme));
        if is_url && text.len() <= LONGEST_IMAGE && text.bytes().all(|b| b.is_ascii_graphic()) {
            return Some(Some(text));
        }
        self.fault(field, "Invalid URL");
        None
    }

    /// A role that must be there.
    pub(crate) fn role(&mut self, field: &str) -> Option<Role> {
        let text = self.required(field)?;
        let role = Role::parse(&text);
        if role.is_none() {
            let roles = Role::ALL.map(Role::as_str).join("\"|\"");
            self.fault(field, &format!("Invalid option: expected one of \"{roles}\""));
        }
        role
    }

    /// The page that comes when a form is done.
    ///
    /// # Errors
    /// 403 if it is no path of our own.
    pub(crate) fn callback(&mut self) -> Result<Option<String>, Problem> {
        match self.optional("callbackURL") {
            Some(page) if page.is_empty() => Ok(None),
            Some(page) if !is_own_path(&page) => Err(Code::InvalidCallbackUrl.problem()),
            page => Ok(page),
        }
    }

    /// To be called when everything known has been taken: returns what must be there. Other fields
    /// are left alone, as Better Auth leaves them.
    ///
    /// # Errors
    /// 400 with all faults.
    pub(crate) fn finish<T>(self, taken: Option<T>) -> Result<T, Problem> {
        taken.filter(|_| self.faults.is_empty()).ok_or_else(|| unfit(self.faults.join("; ")))
    }
}

/// Takes a password that is to be stored.
///
/// # Errors
/// 400 if it is too short or too long.
pub(crate) fn new_password(text: &str) -> Result<Password, Problem> {
    Password::fit(text).map_err(|unfit| match unfit {
        Unfit::TooShort => Code::PasswordTooShort.problem(),
        Unfit::TooLong => Code::PasswordTooLong.problem(),
    })
}

fn object(bytes: &[u8]) -> Result<Map<String, Value>, Problem> {
    match serde_json::from_slice(bytes) {
        Ok(Value::Object(fields)) => Ok(fields),
        Ok(other) => {
            let found = type_of(&other);
            Err(unfit(format!("[body] Invalid input: expected object, received {found}")))
        }
        Err(_) => Err(Problem::coded(
            StatusCode::BAD_REQUEST,
            "invalid-body",
            "BAD_REQUEST",
            "The body is no JSON.",
        )),
    }
}

fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn request(media_type: &str, body: &str) -> Request {
        let event = json!({
            "requestContext": {"http": {"method": "POST"}}, "body": body,
            "headers": {"content-type": media_type},
        });
        serde_json::from_value(event).unwrap()
    }

    fn code(outcome: Result<Body, Problem>) -> (u16, String) {
        let problem = outcome.unwrap_err();
        (problem.status.as_u16(), problem.members["code"].as_str().unwrap().to_owned())
    }

    #[test]
    fn a_form_and_json_say_the_same() {
        for (media_type, body) in [
            (
                "application/json",
                r#"{"email":"Ada@Example.com","name":" Ada ","rememberMe":false}"#,
            ),
            (
                "Application/JSON; charset=utf-8",
                r#"{"email":"ada@example.com","name":"Ada","rememberMe":false}"#,
            ),
            (FORM, "email=ada%40example.com&name=+Ada&rememberMe=false"),
        ] {
            let mut body = Body::read(&request(media_type, body)).unwrap();
            assert_eq!(body.email("email").unwrap().as_str(), "ada@example.com");
            assert_eq!(body.name("name").as_deref(), Some("Ada"));
            assert_eq!(body.flag("rememberMe"), Some(false));
            assert_eq!(body.flag("other"), None);
            body.finish(Some(())).unwrap();
        }
    }

    #[test]
    fn a_form_says_yes_or_no_in_words_and_any_other_word_is_a_fault() {
        for (word, flag) in [("on", true), ("True", true), ("false", false)] {
            let mut body = Body::read(&request(FORM, &format!("rememberMe={word}"))).unwrap();
            assert_eq!(body.flag("rememberMe"), Some(flag), "{word}");
            body.finish(Some(())).unwrap();
        }
        for word in ["maybe", "", "0", "1"] {
            let mut body = Body::read(&request(FORM, &format!("rememberMe={word}"))).unwrap();
            assert_eq!(body.flag("rememberMe"), None, "{word}");
            assert!(body.finish(Some(())).is_err(), "{word}");
        }
    }

    #[test]
    fn what_is_no_body_of_these_kinds_is_refused() {
        let read = |media_type, body| code(Body::read(&request(media_type, body)));
        assert_eq!(read("text/plain", "{}"), (415, "UNSUPPORTED_MEDIA_TYPE".to_owned()));
        assert_eq!(read("", "{}"), (415, "UNSUPPORTED_MEDIA_TYPE".to_owned()));
        assert_eq!(read("application/json", "{"), (400, "BAD_REQUEST".to_owned()));
        assert_eq!(read("application/json", "[]"), (400, "VALIDATION_ERROR".to_owned()));
        let endless = Body::read(&request("application/json", &" ".repeat(LONGEST + 1)));
        assert_eq!(endless.unwrap_err().status, StatusCode::PAYLOAD_TOO_LARGE);
        assert!(Body::read(&request("", "")).is_ok());
    }

    #[test]
    fn all_faults_are_told_at_once_and_no_value_is_repeated() {
        let text = r#"{"email":"secret","role":"owner","name":7,"image":"javascript:secret","rememberMe":"yes"}"#;
        let mut body = Body::read(&request("application/json", text)).unwrap();
        assert!(body.email("email").is_none() && body.role("role").is_none());
        assert!(body.name("name").is_none() && body.image("image").is_none());
        assert!(body.flag("rememberMe").is_none() && body.required("password").is_none());
        let problem = body.finish(Some(())).unwrap_err();
        assert_eq!(
            problem.detail,
            "[body.email] Invalid email address; \
             [body.role] Invalid option: expected one of \"viewer\"|\"operator\"|\"admin\"; \
             [body.name] Invalid input: expected string, received number; \
             [body.image] Invalid URL; \
             [body.rememberMe] Invalid input: expected boolean, received string; \
             [body.password] Invalid input: expected string, received undefined"
        );
    }
}
