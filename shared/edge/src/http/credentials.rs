//! The API key that a request carries.

use http::HeaderMap;
use penstock_domain::access::{KeyHeader, PresentedKey};

/// Hashes the key that a request carries; the admin key if it carries both.
#[must_use]
pub fn presented_key(headers: &HeaderMap) -> Option<PresentedKey> {
    let hashed =
        |header: KeyHeader| PresentedKey::new(header, headers.get(header.name())?.as_bytes());
    KeyHeader::ALL.into_iter().find_map(hashed)
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use penstock_domain::text::LONGEST_API_KEY;

    #[test]
    fn a_key_is_hashed_and_answers_to_its_own_hash_only() {
        let mut headers = HeaderMap::new();
        assert_eq!(presented_key(&headers), None);
        headers.insert("X-Api-Key", HeaderValue::from_static("k"));
        let key = presented_key(&headers).unwrap();
        assert_eq!(key.header, KeyHeader::ApiKey);
        let other = PresentedKey::new(KeyHeader::ApiKey, b"l").unwrap();
        assert!(key.matches(&key.sha256));
        assert!(!key.matches(&other.sha256));
        assert!(!key.matches(&[0; 32]));
    }

    #[test]
    fn the_admin_key_goes_first() {
        let mut headers = HeaderMap::new();
        headers.insert("x-api-key", HeaderValue::from_static("k"));
        headers.insert("x-admin-api-key", HeaderValue::from_static("a"));
        assert_eq!(presented_key(&headers).unwrap().header, KeyHeader::AdminApiKey);
    }

    #[test]
    fn an_empty_or_endless_key_is_none() {
        for value in [String::new(), "k".repeat(LONGEST_API_KEY + 1)] {
            let mut headers = HeaderMap::new();
            headers.insert("x-api-key", HeaderValue::from_str(&value).unwrap());
            assert_eq!(presented_key(&headers), None);
        }
    }
}
