//! The parts of a pushed request that the vendor's rules read.

use std::fmt;

use crate::signature::SignatureError;

/// A request to a webhook without its body.
#[derive(Clone, Copy)]
pub struct WebhookRequest<'r> {
    /// The HTTP method.
    pub method: &'r str,
    /// Scheme, host, path and query, as the vendor has called them.
    pub url: &'r str,
    /// The value of a header, by its name in any case; `None` if it is missing or no text.
    pub headers: &'r (dyn Fn(&str) -> Option<&'r str> + Sync),
}

impl<'r> WebhookRequest<'r> {
    /// The value of a header that must be there.
    ///
    /// # Errors
    /// [`SignatureError::Missing`] if it is not.
    pub fn header(&self, name: &'static str) -> Result<&'r str, SignatureError> {
        (self.headers)(name).ok_or(SignatureError::Missing(name))
    }
}

/// Headers are not logged: they carry signatures.
impl fmt::Debug for WebhookRequest<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "WebhookRequest({} {})", self.method, self.url)
    }
}
