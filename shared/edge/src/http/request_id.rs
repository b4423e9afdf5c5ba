//! The id by which a caller and the log speak of the same request.

use super::request::Request;

/// The caller's id of a request where it sent a sane one, else Lambda's own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The header that carries it, both ways.
    pub const HEADER: &'static str = "x-request-id";

    /// The id of a request; `invocation` is Lambda's.
    #[must_use]
    pub fn of(request: &Request, invocation: &str) -> Self {
        let given = request.headers.get(Self::HEADER).and_then(|value| value.to_str().ok());
        Self(given.filter(|id| is_sane(id)).unwrap_or(invocation).to_owned())
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// It is written to the log and to a header, so: short, and of harmless characters.
fn is_sane(id: &str) -> bool {
    (1..=128).contains(&id.len())
        && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn id_for(header: &str) -> String {
        let event = json!({"requestContext": {"http": {"method": "GET"}}, "headers": {"X-Request-Id": header}});
        RequestId::of(&serde_json::from_value(event).unwrap(), "lambdas").as_str().to_owned()
    }

    #[test]
    fn a_sane_id_of_the_caller_is_kept() {
        assert_eq!(id_for("order-7:try_2.a"), "order-7:try_2.a");
    }

    #[test]
    fn any_other_id_is_replaced() {
        for bad in ["", "a b", "\"><script>", "\u{e4}", "a\nb", &"a".repeat(129)] {
            assert_eq!(id_for(bad), "lambdas", "{bad}");
        }
    }
}
