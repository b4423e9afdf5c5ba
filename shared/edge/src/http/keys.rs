//! API keys: what a request presents, and whether a stored key answers to it.

use http::HeaderMap;
use penstock_domain::text::LONGEST_API_KEY;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

const KEY: &str = "x-api-key";
const ADMIN_KEY: &str = "x-admin-api-key";

/// The header a key came in. An admin key counts in its own header only, so that one pasted into the
/// wrong place does not work by accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// `X-Api-Key`
    Key,
    /// `X-Admin-Api-Key`
    AdminKey,
}

/// A key as a request presents it, already hashed: the key itself goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Presented {
    /// The header it came in.
    pub access: Access,
    /// SHA-256 of its bytes.
    pub sha256: [u8; 32],
}

impl Presented {
    /// The key that a request carries, if it does; the admin key where it carries both.
    #[must_use]
    pub fn in_headers(headers: &HeaderMap) -> Option<Self> {
        let hashed = |name, access| {
            let value = headers.get(name)?.as_bytes();
            let sane = !value.is_empty() && value.len() <= LONGEST_API_KEY;
            sane.then(|| Self { access, sha256: Sha256::digest(value).into() })
        };
        hashed(ADMIN_KEY, Access::AdminKey).or_else(|| hashed(KEY, Access::Key))
    }

    /// Whether a stored hash is that of this key; takes the same time wherever the two differ.
    #[must_use]
    pub fn is(&self, stored_sha256: &[u8]) -> bool {
        self.sha256.as_slice().ct_eq(stored_sha256).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;

    #[test]
    fn a_key_is_hashed_and_answers_to_its_own_hash_only() {
        let mut headers = HeaderMap::new();
        assert_eq!(Presented::in_headers(&headers), None);
        headers.insert("X-Api-Key", HeaderValue::from_static("k"));
        let key = Presented::in_headers(&headers).unwrap();
        assert_eq!(key.access, Access::Key);
        assert!(key.is(&Sha256::digest(b"k")));
        assert!(!key.is(&Sha256::digest(b"l")));
        assert!(!key.is(b""));
    }

    #[test]
    fn the_admin_key_goes_first() {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", HeaderValue::from_static("k"));
        headers.insert("x-admin-api-key", HeaderValue::from_static("a"));
        assert_eq!(Presented::in_headers(&headers).unwrap().access, Access::AdminKey);
    }

    #[test]
    fn an_empty_or_endless_key_is_none() {
        for value in [String::new(), "k".repeat(LONGEST_API_KEY + 1)] {
            let mut headers = HeaderMap::new();
            headers.insert("x-api-key", HeaderValue::from_str(&value).unwrap());
            assert_eq!(Presented::in_headers(&headers), None);
        }
    }
}
