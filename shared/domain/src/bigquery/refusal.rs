//! The reasons for which BigQuery refuses a request or ends a job, and what follows from each
//! (cloud.google.com/bigquery/docs/error-messages).

use serde::Deserialize;

/// The way to go on after a refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A fault of BigQuery that passes.
    Passing,
    /// Too many requests in a few seconds.
    Rate,
    /// A quota of a day is used up. It refills over 24 hours, and failed jobs count as well.
    Quota,
    /// The service account or the project may not do this: a person has to act.
    Denied,
    /// The file cannot be read, and BigQuery has nothing to do with it: a person has to act.
    Unreadable,
    /// The same request has no better chance later: the file, the schema or the request is wrong.
    Rejected,
    /// The dataset, the table or the job does not exist.
    NotFound,
    /// The dataset, the table or the job exists already.
    Duplicate,
}

/// A request that BigQuery has refused, or the end of a job that has failed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{words}")]
pub struct Refusal {
    /// The way to go on after it.
    pub kind: Kind,
    /// BigQuery's own words, shortened, with the reason before them.
    pub words: String,
}

/// Characters at most of BigQuery's words. They end up in a column and in the log.
const LONGEST: usize = 400;

/// An error as a reply or a job has it.
#[derive(Debug, Default, Deserialize)]
#[serde(default)]
pub(super) struct ErrorProto {
    reason: String,
    message: String,
}

#[derive(Deserialize)]
struct ErrorReply {
    error: Inner,
}

#[derive(Deserialize)]
struct Inner {
    #[serde(default)]
    message: String,
    #[serde(default)]
    errors: Vec<ErrorProto>,
}

impl Refusal {
    /// A fault that passes, in our own words.
    #[must_use]
    pub fn passing(words: impl Into<String>) -> Self {
        Self { kind: Kind::Passing, words: words.into() }
    }

    /// Reads the body of a reply with an error status. The reason decides, because a used-up quota
    /// and a missing right have the same status.
    #[must_use]
    pub fn of_reply(status: u16, body: &[u8]) -> Self {
        let Ok(reply) = serde_json::from_slice::<ErrorReply>(body) else {
            let words = format!("status {status} and a body of {} bytes", body.len());
            return Self { kind: by_status(status), words };
        };
        let first = reply.error.errors.into_iter().find(|error| !error.reason.is_empty());
        match first {
            Some(error) => Self::of_error(&error, by_status(status)),
            None => Self {
                kind: by_status(status),
                words: shortened(&format!("status {status}: {}", reply.error.message)),
            },
        }
    }

    /// Reads the error of a job that is done.
    pub(super) fn of_job(error: &ErrorProto) -> Self {
        Self::of_error(error, Kind::Rejected)
    }

    fn of_error(error: &ErrorProto, otherwise: Kind) -> Self {
        let kind = by_reason(&error.reason).unwrap_or(otherwise);
        Self { kind, words: shortened(&format!("{}: {}", error.reason, error.message)) }
    }
}

fn by_reason(reason: &str) -> Option<Kind> {
    Some(match reason {
        "backendError" | "internalError" | "jobBackendError" | "jobInternalError" | "timeout"
        | "tableUnavailable" | "resourceInUse" | "stopped" => Kind::Passing,
        "rateLimitExceeded" | "jobRateLimitExceeded" | "userRateLimitExceeded" => Kind::Rate,
        "quotaExceeded" => Kind::Quota,
        "accessDenied"
        | "authError"
        | "required"
        | "billingNotEnabled"
        | "blocked"
        | "accessNotConfigured"
        | "insufficientPermissions"
        | "policyViolation"
        | "userProjectMissing" => Kind::Denied,
        "invalid" | "resourcesExceeded" | "responseTooLarge" | "badRequest" | "notImplemented" => {
            Kind::Rejected
        }
        "notFound" => Kind::NotFound,
        "duplicate" => Kind::Duplicate,
        _ => return None,
    })
}

fn by_status(status: u16) -> Kind {
    match status {
        401 | 403 => Kind::Denied,
        404 | 410 => Kind::NotFound,
        409 => Kind::Duplicate,
        429 => Kind::Rate,
        408 | 500.. => Kind::Passing,
        _ => Kind::Rejected,
    }
}

/// Shortens words, and leaves out those with an `@`: they may repeat a value of a row.
fn shortened(words: &str) -> String {
    let plain: String = words.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let kept = plain.split(' ').map(|word| if word.contains('@') { "…" } else { word });
    kept.collect::<Vec<_>>().join(" ").chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reply(status: u16, reason: &str) -> Refusal {
        let body = format!(
            r#"{{"error":{{"code":{status},"message":"M","errors":[{{"reason":"{reason}","message":"M","domain":"global"}}]}}}}"#
        );
        Refusal::of_reply(status, body.as_bytes())
    }

    #[test]
    fn the_reason_says_what_follows_and_not_the_status() {
        for (status, reason, kind) in [
            (403, "quotaExceeded", Kind::Quota),
            (403, "rateLimitExceeded", Kind::Rate),
            (403, "accessDenied", Kind::Denied),
            (403, "billingNotEnabled", Kind::Denied),
            (400, "invalid", Kind::Rejected),
            (400, "tableUnavailable", Kind::Passing),
            (404, "notFound", Kind::NotFound),
            (409, "duplicate", Kind::Duplicate),
            (503, "backendError", Kind::Passing),
            // Reasons that are not known yet.
            (503, "newTrouble", Kind::Passing),
            (403, "newTrouble", Kind::Denied),
        ] {
            assert_eq!(reply(status, reason).kind, kind, "{status} {reason}");
        }
        assert_eq!(reply(403, "quotaExceeded").words, "quotaExceeded: M");
    }

    #[test]
    fn a_body_of_another_shape_is_not_repeated() {
        let html = Refusal::of_reply(502, b"<html>who knows</html>");
        let words = "status 502 and a body of 22 bytes".to_owned();
        assert_eq!(html, Refusal { kind: Kind::Passing, words });
        let bare = Refusal::of_reply(403, br#"{"error":{"code":403,"message":"No\u0000"}}"#);
        assert_eq!((bare.kind, bare.words.as_str()), (Kind::Denied, "status 403: No "));
        let named = br#"{"error":{"message":"Could not parse 'ada@example.com' as INT64"}}"#;
        let named = Refusal::of_reply(400, named);
        assert_eq!(named.words, "status 400: Could not parse … as INT64");
    }
}
