//! Events of other makers than an HTTP API with payload format 2.0 or a function URL. Each is
//! answered by one sentence that says what is mounted wrongly, in the reply and in the log.

use std::fmt;

use http::StatusCode;
use serde_json::{Value, json};

use super::problem::{Problem, ProblemBody};

/// An event that is no request of an HTTP API with payload format 2.0, nor of a function URL.
///
/// It is not read as one. The other formats drop what requests are made of: REST APIs decode bodies
/// to text, and formats before 2.0 split the query, which vendors sign.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Misplaced {
    /// A REST API, whose events have format 1.0.
    RestApi,
    /// An HTTP API whose integration asks for format 1.0.
    Format1,
    /// An Application Load Balancer.
    LoadBalancer,
    /// A WebSocket API.
    WebSocket,
    /// A Lambda authorizer of an API.
    Authorizer,
    /// A plain invocation, such as a test event of Lambda's console or an event of EventBridge.
    NoRequest,
}

impl Misplaced {
    /// Recognizes the maker of an event. `None` if it is a request as it is taken here.
    pub(super) fn of(event: &Value) -> Option<Self> {
        let context = &event["requestContext"];
        let has = |name: &str| context.get(name).is_some();
        if event["routeArn"].is_string() || event["methodArn"].is_string() {
            Some(Self::Authorizer)
        } else if context["http"].is_object() {
            None
        } else if has("elb") {
            Some(Self::LoadBalancer)
        } else if has("connectionId") {
            Some(Self::WebSocket)
        } else if event["httpMethod"].is_string() {
            Some(if event["version"] == "1.0" { Self::Format1 } else { Self::RestApi })
        } else {
            Some(Self::NoRequest)
        }
    }

    fn caller_and_advice(self) -> (&'static str, &'static str) {
        match self {
            Self::RestApi => ("a REST API", "Use an HTTP API in its place."),
            Self::Format1 => (
                "an HTTP API with payload format 1.0",
                "Set PayloadFormatVersion of its integration to 2.0.",
            ),
            Self::LoadBalancer => (
                "an Application Load Balancer",
                "Let it forward to an HTTP API, or use a function URL in its place.",
            ),
            Self::WebSocket => ("a WebSocket API", "Use an HTTP API in its place."),
            Self::Authorizer => ("an API as its authorizer", "It authorizes its own routes."),
            Self::NoRequest => (
                "an event that is no request",
                "To try it by hand, send an event of payload format 2.0.",
            ),
        }
    }

    /// Logs the event, and returns the reply that its maker passes on. It stores nothing.
    ///
    /// # Errors
    /// The sentence, if nobody would read a reply: an invocation by hand shows the error, and
    /// Lambda's alarm counts it.
    pub fn answer(self, invocation: &str) -> Result<Value, Self> {
        let sentence = self.to_string();
        tracing::error!(event = "misplaced", request_id = invocation, reason = sentence);
        if matches!(self, Self::Authorizer | Self::NoRequest) {
            return Err(self);
        }
        let problem = Problem::misplaced(sentence);
        let body = serde_json::to_string(&ProblemBody::new(&problem, invocation));
        // No cookies beside these: a REST API refuses a reply that has more than its format. A load
        // balancer reads one of the two kinds of headers, as it is set up.
        let media_type = "application/problem+json";
        Ok(json!({
            "statusCode": StatusCode::NOT_IMPLEMENTED.as_u16(),
            "headers": {"content-type": media_type, "x-request-id": invocation},
            "multiValueHeaders": {"content-type": [media_type], "x-request-id": [invocation]},
            "body": body.unwrap_or_default(),
            "isBase64Encoded": false,
        }))
    }
}

impl fmt::Display for Misplaced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (caller, advice) = self.caller_and_advice();
        write!(
            f,
            "This function answers an HTTP API with payload format 2.0 or a function URL, and was called by {caller}. {advice}"
        )
    }
}

impl std::error::Error for Misplaced {}
