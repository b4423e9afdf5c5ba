//! The id by which a caller and the log speak of the same request.

use lambda_http::{Request, RequestExt};
use uuid::Uuid;

/// The caller's id of a request where it sent a sane one, else Lambda's, else a new one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestId(String);

impl RequestId {
    /// The header that carries it, both ways.
    pub const HEADER: &'static str = "x-request-id";

    /// The id of a request.
    #[must_use]
    pub fn of(request: &Request) -> Self {
        let given = request.headers().get(Self::HEADER).and_then(|value| value.to_str().ok());
        let lambdas = request.lambda_context_ref().map(|context| context.request_id.as_str());
        match given.filter(|id| is_sane(id)).or(lambdas.filter(|id| is_sane(id))) {
            Some(id) => Self(id.to_owned()),
            None => Self(Uuid::now_v7().to_string()),
        }
    }

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// It is written to the log and to a header, so: short, and of harmless characters.
fn is_sane(id: &str) -> bool {
    (1..=128).contains(&id.len()) && id.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:".contains(&b))
}

#[cfg(test)]
mod tests {
    use super::*;
    use lambda_http::{Body, http};

    fn id_for(header: &[u8]) -> String {
        let value = http::HeaderValue::from_bytes(header).unwrap();
        let request = http::Request::builder().header("X-Request-Id", value).body(Body::Empty).unwrap();
        RequestId::of(&request).as_str().to_owned()
    }

    #[test]
    fn a_sane_id_of_the_caller_is_kept() {
        assert_eq!(id_for(b"order-7:try_2.a"), "order-7:try_2.a");
    }

    #[test]
    fn any_other_id_is_replaced() {
        for bad in [&b""[..], b"a b", b"\"><script>", b"\xff\xfe", &[b'a'; 129]] {
            let id = id_for(bad);
            assert!(Uuid::parse_str(&id).is_ok(), "{id}");
        }
    }
}
