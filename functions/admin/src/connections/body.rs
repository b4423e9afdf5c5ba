//! The body of `PUT /connections/{name}`, field by field. No error repeats a value.

use penstock_domain::connection::Settings;
use penstock_edge::http::{FieldError, Problem};
use secrecy::SecretString;
use serde_json::{Map, Value};

/// The fields of the body.
pub(super) const FIELDS: [&str; 6] =
    ["source", "key", "keySecret", "signingSecrets", "signingSecret", "settings"];

/// The fields of a body as they were said. One that is missing leaves what there is.
#[derive(Debug, Default)]
pub(super) struct Body {
    pub source: Option<String>,
    /// The key itself.
    pub key: Option<SecretString>,
    /// The name of a secret that holds the key.
    pub key_secret: Option<String>,
    /// The secrets that sign the vendor's requests.
    pub signing_secrets: Option<Vec<SecretString>>,
    /// The name of a secret that holds it.
    pub signing_secret: Option<String>,
    pub settings: Option<Settings>,
}

/// A fault of a field of the body.
pub(super) fn fault(field: &str, detail: impl Into<String>) -> FieldError {
    let field = field.replace('~', "~0").replace('/', "~1");
    FieldError { pointer: format!("#/{field}"), detail: detail.into() }
}

/// A fault of a setting.
pub(super) fn setting_fault(setting: &str, detail: impl Into<String>) -> FieldError {
    let FieldError { pointer, detail } = fault(setting, detail);
    FieldError { pointer: pointer.replacen("#/", "#/settings/", 1), detail }
}

impl Body {
    /// Reads the body.
    ///
    /// # Errors
    /// 400 that names every field of another type, and every unknown one.
    pub(super) fn read(bytes: &[u8]) -> Result<Self, Problem> {
        let object: Map<String, Value> = serde_json::from_slice(bytes)
            .map_err(|_| Problem::bad_request("invalid-body", "The body is no JSON object."))?;
        let (mut body, mut faults) = (Self::default(), Vec::new());
        for (field, value) in object {
            if let Err(found) = body.take(&field, value) {
                faults.extend(found);
            }
        }
        if faults.is_empty() { Ok(body) } else { Err(Problem::invalid(faults)) }
    }

    fn take(&mut self, field: &str, value: Value) -> Result<(), Vec<FieldError>> {
        match field {
            "source" => self.source = Some(text(field, value)?),
            "key" => self.key = Some(text(field, value)?.into()),
            "keySecret" => self.key_secret = Some(text(field, value)?),
            "signingSecret" => self.signing_secret = Some(text(field, value)?),
            "signingSecrets" => self.signing_secrets = Some(texts(field, value)?),
            "settings" => self.settings = Some(settings(value)?),
            _ => {
                let known = FIELDS.join(", ");
                return Err(vec![fault(field, format!("is no field; there are {known}"))]);
            }
        }
        Ok(())
    }
}

fn text(field: &str, value: Value) -> Result<String, Vec<FieldError>> {
    match value {
        // Postgres stores no text with it, and no key or name has one.
        Value::String(text) if !text.contains('\0') => Ok(text),
        _ => Err(vec![fault(field, "must be a text")]),
    }
}

fn texts(field: &str, value: Value) -> Result<Vec<SecretString>, Vec<FieldError>> {
    let other = || vec![fault(field, "must be a list of texts")];
    let Value::Array(items) = value else { return Err(other()) };
    let texts = items.into_iter().map(|item| match item {
        Value::String(text) => Some(text.into()),
        _ => None,
    });
    texts.collect::<Option<Vec<_>>>().ok_or_else(other)
}

fn settings(value: Value) -> Result<Settings, Vec<FieldError>> {
    let Value::Object(pairs) = value else {
        return Err(vec![fault("settings", "must be an object of texts")]);
    };
    let (mut settings, mut faults) = (Settings::new(), Vec::new());
    for (name, value) in pairs {
        match value {
            Value::String(text) => drop(settings.insert(name, text)),
            _ => faults.push(setting_fault(&name, "must be a text, such as \"true\" or \"10\"")),
        }
    }
    if faults.is_empty() { Ok(settings) } else { Err(faults) }
}
