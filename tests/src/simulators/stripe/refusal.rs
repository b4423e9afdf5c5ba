//! Replies, and Stripe's way of saying no.
//!
//! Sources: <https://docs.stripe.com/api/errors>, <https://docs.stripe.com/error-codes>; the texts as
//! reported in the trackers of Stripe's SDKs.

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

    /// 400 over one parameter.
    pub(crate) fn bad(message: &str, code: &'static str, param: &str) -> Self {
        Self { code: Some(code), param: Some(param.to_owned()), ..Self::new(400, message) }
    }

    /// 400 for a parameter the endpoint does not have.
    pub(crate) fn unknown_parameter(key: &str) -> Self {
        Self::bad(&format!("Received unknown parameter: {key}"), "parameter_unknown", key)
    }

    /// 404 for an object, or 400 for a cursor, that does not exist.
    pub(crate) fn missing(status: u16, noun: &str, id: &str, param: &str) -> Self {
        Self { status, ..Self::bad(&format!("No such {noun}: '{id}'"), "resource_missing", param) }
    }

    /// 404 for a path Stripe does not have.
    pub(crate) fn unrecognized(method: &str, path: &str) -> Self {
        Self::new(
            404,
            format!(
                "Unrecognized request URL ({method}: {path}). Please see https://stripe.com/docs \
                 or we can help at https://support.stripe.com/."
            ),
        )
    }

    /// 400 for a `Stripe-Version` that is none.
    pub(crate) fn version(version: &str) -> Self {
        Self::new(400, format!("Invalid Stripe API version: {version}"))
    }

    /// 401 without a key.
    pub(crate) fn no_key() -> Self {
        Self::new(
            401,
            "You did not provide an API key. You need to provide your API key in the Authorization \
             header, using Bearer auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See \
             https://stripe.com/docs/api#authentication for details, or we can help at \
             https://support.stripe.com/.",
        )
    }

    /// 401 with a wrong key, of which only the ends are shown.
    pub(crate) fn wrong_key(key: &str) -> Self {
        let tail: String = key.chars().rev().take(4).collect::<Vec<_>>().iter().rev().collect();
        let head: String = key.chars().take(8).collect();
        Self::new(401, format!("Invalid API Key provided: {head}*********{tail}"))
    }

    /// 403 for a restricted key.
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

    /// 429.
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

    /// 500 and its like.
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

    /// The body.
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

/// A text as a JSON string.
pub(crate) fn escaped(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
