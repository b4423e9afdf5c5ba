//! Documents: bytes that are part of the program and never change while it runs.

use http::{HeaderMap, HeaderValue, StatusCode, header};
use sha2::{Digest as _, Sha256};

use super::reply::Reply;

/// A file that the program holds: a page, a script, a picture.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Document {
    /// Its media type.
    pub media_type: &'static str,
    /// All of it, as `include_bytes!` gives it.
    pub bytes: &'static [u8],
    /// Its Content-Security-Policy.
    pub security_policy: &'static str,
}

impl Document {
    /// Its ETag: half of its SHA-256.
    fn tag(&self) -> String {
        let digest = Sha256::digest(self.bytes);
        let hex: String = digest.iter().take(16).map(|byte| format!("{byte:02x}")).collect();
        format!("\"{hex}\"")
    }

    /// The document, or 304 if `If-None-Match` names it (RFC 9110, section 13.1.2).
    #[must_use]
    pub fn reply(&self, asked: &HeaderMap) -> Reply {
        let tag = self.tag();
        let mut headers = HeaderMap::from_iter([
            (header::CACHE_CONTROL, HeaderValue::from_static("public, max-age=300")),
            (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(self.security_policy)),
            (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        ]);
        headers.extend(HeaderValue::from_str(&tag).ok().map(|value| (header::ETAG, value)));
        if is_known(asked, &tag) {
            return Reply::new(StatusCode::NOT_MODIFIED, headers, Vec::new());
        }
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(self.media_type));
        Reply::new(StatusCode::OK, headers, self.bytes)
    }
}

/// Whether the caller holds this version already.
fn is_known(asked: &HeaderMap, tag: &str) -> bool {
    let tags = asked.get(header::IF_NONE_MATCH).and_then(|tags| tags.to_str().ok());
    let mut tags = tags.unwrap_or_default().split(',').map(str::trim);
    tags.any(|known| known == "*" || known.trim_start_matches("W/") == tag)
}
