//! How a vendor pushes to `/webhooks/{source}`.

use jiff::Timestamp;

use super::push::Push;
use super::webhook_request::WebhookRequest;
use crate::record::Delivery;
use crate::signature::{Claim, SignatureError, Verified};

/// The kinds of requests that a vendor pushes.
#[derive(Clone, Copy)]
pub enum Webhook {
    /// Bodies that it signs. They are stored, or name objects to read.
    Signed(&'static dyn Signed),
    /// Notifications over a channel that `fetch` opens in mode `watch`. They do not name the object
    /// that has changed, so they only request an incremental run.
    Notified(&'static dyn Push),
}

impl Webhook {
    /// The ending of the variable that gives the secret for local runs. With `_ARN` behind it, the
    /// variable names the stored secret: `STRIPE_WEBHOOK_SECRET_ARN`.
    #[must_use]
    pub fn secret_variable(self) -> &'static str {
        match self {
            Self::Signed(_) => "WEBHOOK_SECRET",
            Self::Notified(_) => "CHANNEL_SECRET",
        }
    }
}

/// A vendor that signs the bodies it pushes.
pub trait Signed: Sync + Send {
    /// Returns the name of the vendor, as its source has it.
    fn vendor(&self) -> &'static str;

    /// The claim of a request: the signatures in its headers, and the bytes that were signed beside
    /// the body. [`crate::signature::verify`] checks the claim.
    ///
    /// # Errors
    /// [`SignatureError`] if a header is missing or holds no signature.
    fn claim<'r>(&self, request: &WebhookRequest<'r>) -> Result<Claim<'r>, SignatureError>;

    /// Reads a body. Never fails: a body that cannot be identified is kept under its hash, and
    /// `process` makes it a dead letter with the reason.
    fn delivery<'a>(&self, body: Verified<'a>, received_at: Timestamp) -> Delivery<'a>;
}
