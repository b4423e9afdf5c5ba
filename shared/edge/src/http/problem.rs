//! Errors as the caller may read them: RFC 9457, `application/problem+json`.

use http::StatusCode;
use penstock_domain::access::Denied;
use serde::Serialize;
use serde_json::{Map, Value};

/// A fault in one field of a request.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "FieldError"))]
pub struct FieldError {
    /// The field: a JSON pointer into the body, or `#/query/<name>`.
    pub pointer: String,
    /// The fault, in words.
    pub detail: String,
}

/// An error reply. It holds nothing but what the caller may read; causes go to the log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The HTTP status.
    pub status: StatusCode,
    /// Names the kind for machines: `urn:penstock:problem:<slug>`.
    pub slug: &'static str,
    /// The cause, in words for people.
    pub detail: String,
    /// The faults, by field.
    pub errors: Vec<FieldError>,
    /// In how many seconds to try again.
    pub retry_after: Option<u32>,
    /// The methods that the path takes, for 405.
    pub allow: Option<Box<str>>,
    /// Further members of the body (RFC 9457, section 3.2), for senders that look for those.
    pub members: Map<String, Value>,
}

impl Problem {
    fn new(status: StatusCode, slug: &'static str, detail: impl Into<String>) -> Self {
        let (errors, members) = (Vec::new(), Map::new());
        Self {
            status,
            slug,
            detail: detail.into(),
            errors,
            retry_after: None,
            allow: None,
            members,
        }
    }

    /// Creates a 400 that names the wrong fields.
    #[must_use]
    pub fn invalid(errors: Vec<FieldError>) -> Self {
        Self {
            errors,
            ..Self::new(StatusCode::BAD_REQUEST, "invalid-request", "The request is not valid.")
        }
    }

    /// 400: not what the route takes, for a reason that is no field's.
    #[must_use]
    pub fn bad_request(slug: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, slug, detail)
    }

    /// 409: it is there already.
    #[must_use]
    pub fn conflict(slug: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::CONFLICT, slug, detail)
    }

    /// 412: the thing was changed since the caller read it.
    #[must_use]
    pub fn changed(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PRECONDITION_FAILED, "changed-meanwhile", detail)
    }

    /// 415: the route takes bodies of another type.
    #[must_use]
    pub fn unsupported_media_type(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "unsupported-media-type", detail)
    }

    /// 422: the Idempotency-Key was used for something else.
    #[must_use]
    pub fn key_reused(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, "idempotency-key-reused", detail)
    }

    /// The same with a further member.
    #[must_use]
    pub fn with(mut self, member: &str, value: impl Into<Value>) -> Self {
        self.members.insert(member.to_owned(), value.into());
        self
    }

    /// 413: more of something than a request may hold.
    #[must_use]
    pub fn too_much(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "too-large", detail)
    }

    /// 413: the body has more than `limit` bytes.
    #[must_use]
    pub fn too_large(limit: usize) -> Self {
        Self::too_much(format!("The body has more than {limit} bytes."))
    }

    /// 401: no key, or none that may do this. The reply does not say which of the two.
    #[must_use]
    pub fn unauthorized() -> Self {
        Self::new(
            StatusCode::UNAUTHORIZED,
            "unauthorized",
            "A valid key with the scope of this route is required.",
        )
    }

    /// 401: the route is for people, and nobody is signed in.
    #[must_use]
    pub fn signed_out() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "signed-out", "Sign in first.")
    }

    /// 403: the caller is known, and may not do this.
    #[must_use]
    pub fn forbidden(slug: &'static str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::FORBIDDEN, slug, detail)
    }

    /// A problem for the clients of Better Auth, which read its `code` and its `message`.
    #[must_use]
    pub fn coded(
        status: StatusCode,
        slug: &'static str,
        code: &'static str,
        message: impl Into<String>,
    ) -> Self {
        let message = message.into();
        Self::new(status, slug, message.clone()).with("code", code).with("message", message)
    }

    /// 404: no such route or thing.
    #[must_use]
    pub fn not_found(detail: impl Into<String>) -> Self {
        Self::new(StatusCode::NOT_FOUND, "not-found", detail)
    }

    /// 405: the route is there, the method is not.
    #[must_use]
    pub fn method_not_allowed(allow: impl Into<Box<str>>) -> Self {
        let allow = allow.into();
        let detail = format!("This route takes {allow}.");
        Self {
            allow: Some(allow),
            ..Self::new(StatusCode::METHOD_NOT_ALLOWED, "method-not-allowed", detail)
        }
    }

    /// 429: the key has done what it may for now; again in that many seconds.
    #[must_use]
    pub fn too_many_requests(retry_after: u32) -> Self {
        let detail = "The key has no requests left for the moment.";
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::TOO_MANY_REQUESTS, "rate-limited", detail)
        }
    }

    /// 500: our fault, and the log has it.
    #[must_use]
    pub fn internal() -> Self {
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "internal",
            "The request could not be answered.",
        )
    }

    /// 501: the function is called by what it does not answer.
    pub(super) fn misplaced(detail: String) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "misplaced", detail)
    }

    /// 503: what this depends on cannot be reached; again in that many seconds.
    #[must_use]
    pub fn unavailable(retry_after: u32) -> Self {
        let detail = "The service cannot answer at the moment.";
        Self {
            retry_after: Some(retry_after),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "unavailable", detail)
        }
    }
}

impl From<Denied> for Problem {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Unauthorized => Self::unauthorized(),
            Denied::SignedOut => Self::signed_out(),
            Denied::Forbidden => {
                Self::forbidden("forbidden", "The role of this account is too low for this.")
            }
            Denied::RateLimited { retry_after_s } => Self::too_many_requests(retry_after_s),
        }
    }
}

/// The body of a problem.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "contract", derive(schemars::JsonSchema), schemars(rename = "Problem"))]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProblemBody<'a> {
    /// The kind, for machines: `urn:penstock:problem:<slug>`.
    #[cfg_attr(feature = "contract", schemars(regex(pattern = r"^urn:penstock:problem:[a-z-]+$")))]
    r#type: String,
    /// The status in words.
    title: &'a str,
    /// The status.
    #[cfg_attr(feature = "contract", schemars(range(min = 400, max = 599)))]
    status: u16,
    /// The cause, in words for people.
    detail: &'a str,
    /// The id of the request in the log.
    request_id: &'a str,
    /// The faults, by field.
    #[serde(skip_serializing_if = "<[FieldError]>::is_empty")]
    errors: &'a [FieldError],
    #[serde(flatten)]
    members: &'a Map<String, Value>,
}

impl<'a> ProblemBody<'a> {
    pub(crate) fn new(problem: &'a Problem, request_id: &'a str) -> Self {
        Self {
            r#type: format!("urn:penstock:problem:{}", problem.slug),
            title: problem.status.canonical_reason().unwrap_or("Error"),
            status: problem.status.as_u16(),
            detail: &problem.detail,
            request_id,
            errors: &problem.errors,
            members: &problem.members,
        }
    }
}
