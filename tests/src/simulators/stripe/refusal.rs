//! Stripe's error replies.
//!
//! Sources: <https://docs.stripe.com/api/errors>, <https://docs.stripe.com/error-codes>. The texts
//! are those reported in the issues of Stripe's SDKs.

use std::fmt::Write;

/// An error reply.
#[derive(Clone, Debug)]
pub(crate) struct Refusal {
    pub(crate) status: u16,
    message: String,
    code: Option<&'static str>,
    param: Option<String>,
    kind: &'static str,
}

impl Refusal {
    fn new(status: u16, message: impl Into<String>) -> Self {
        Self {
            status,
            message: message.into(),
            code: None,
            param: None,
            kind: "invalid_request_error",
        }
    }

    /// A 400 that names one parameter.
    pub(crate) fn bad(message: &str, code: &'static str, param: &str) -> Self {
        Self { code: Some(code), param: Some(param.to_owned()), ..Self::new(400, message) }
    }

    /// A 400 for a parameter that the endpoint does not have.
    pub(crate) fn unknown_parameter(key: &str) -> Self {
        Self::bad(&format!("Received unknown parameter: {key}"), "parameter_unknown", key)
    }

    /// A 404 for an unknown object, or a 400 for an unknown cursor.
    pub(crate) fn missing(status: u16, noun: &str, id: &str, param: &str) -> Self {
        Self { status, ..Self::bad(&format!("No such {noun}: '{id}'"), "resource_missing", param) }
    }

    /// A 404 for a path that Stripe does not have.
    pub(crate) fn unrecognized(method: &str, path: &str) -> Self {
        Self::new(
            404,
            format!(
                "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs \
                 or we can help at https://support.stripe.com/."
            ),
        )
    }

    /// A 400 for a `Stripe-Version` that is not a version.
    pub(crate) fn version(version: &str) -> Self {
        Self::new(400, format!("Invalid Stripe API version: {version}"))
    }

    /// A 403 for a connected account that the key may not read.
    pub(crate) fn no_account(id: &str) -> Self {
        let message = format!(
            "The provided key does not have access to account '{id}' (or that account does not exist). \
             Application access may have been revoked."
        );
        Self { code: Some("account_invalid"), ..Self::new(403, message) }
    }

    /// A 401 for a request without a key.
    pub(crate) fn no_key() -> Self {
        Self::new(
            401,
            "You did not provide an API key. You need to provide your API key in the Authorization \
             header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See \
             https://stripe.com/docs/api#authentication for details, or we can help at \
             https://support.stripe.com/.",
        )
    }

    /// A 401 for a wrong key. The message shows only the ends of the key.
    pub(crate) fn wrong_key(key: &str) -> Self {
        let tail: String = key.chars().rev().take(4).collect::<Vec<_>>().iter().rev().collect();
        let head: String = key.chars().take(8).collect();
        Self::new(401, format!("Invalid API Key provided: {head}*********{tail}"))
    }

    /// A 403 for a restricted key.
    pub(crate) fn forbidden(noun: &str) -> Self {
        Self::new(
            403,
            format!(
                "The provided key 'rk_test_*********ock' does not have the required permissions for \
                 this endpoint on account 'acct_1LkdIwHu7ixPenst'. Having the 'rak_{noun}_read' \
                 permission would allow this request to continue."
            ),
        )
    }

    /// A 429 with the code `rate_limit`.
    pub(crate) fn too_many() -> Self {
        Self {
            code: Some("rate_limit"),
            ..Self::new(
                429,
                "Request rate limit exceeded. Learn more about rate limits here \
                 https://stripe.com/docs/rate-limits.",
            )
        }
    }

    /// A 5xx with Stripe's text for a 500.
    pub(crate) fn server(status: u16) -> Self {
        Self {
            kind: "api_error",
            ..Self::new(
                status,
                "Sorry! There was an error while talking to one of our backends. Support has been \
                 notified.",
            )
        }
    }

    /// Returns the JSON body of the reply.
    pub(crate) fn body(&self) -> String {
        let mut out = String::from("{\n  \"error\": {\n");
        if let Some(code) = self.code {
            let page = code.replace('_', "-");
            write!(
                out,
                "    \"code\": \"{code}\",\n    \"doc_url\": \"https://stripe.com/docs/error-codes/{page}\",\n"
            )
            .unwrap_or_default();
        }
        writeln!(out, "    \"message\": {},", escaped(&self.message)).unwrap_or_default();
        if let Some(param) = &self.param {
            writeln!(out, "    \"param\": {},", escaped(param)).unwrap_or_default();
        }
        write!(out, "    \"type\": \"{}\"\n  }}\n}}\n", self.kind).unwrap_or_default();
        out
    }
}

/// Returns a text as a JSON string.
pub(crate) fn escaped(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
