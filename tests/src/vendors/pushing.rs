//! The webhooks of the simulated vendors.

use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;

use super::{Account, HUBSPOT_SECRET, Vendors, signing_secret};
use crate::simulators::hubspot::{Change, push_bodies, sign_v3};
use crate::simulators::stripe::{Emitted, StripeSimulator, sign};
use crate::stack::{Gateway, Reply, StackError};

impl Account<StripeSimulator> {
    /// Sends the account's webhooks for `events`, each in a request of its own.
    ///
    /// # Errors
    ///
    /// [`StackError::Status`] if a reply has a status other than 200.
    pub async fn push(&self, events: &[Emitted], gateway: &Gateway) -> Result<(), StackError> {
        let path = match self.connection {
            first @ "stripe" => format!("/webhooks/{first}"),
            other => format!("/webhooks/stripe/{other}"),
        };
        let secret = signing_secret(self.connection);
        for event in events {
            let signature = sign(&[secret], SystemClock.now().as_second(), event.body.as_bytes());
            let headers =
                [("Content-Type", "application/json"), ("Stripe-Signature", signature.as_str())];
            post(gateway, &path, &headers, event.body.clone()).await?;
        }
        Ok(())
    }
}

impl Vendors {
    /// Sends the portal's webhooks for `changes`. The signature covers the URL with `https`, as
    /// HubSpot's does.
    ///
    /// # Errors
    ///
    /// [`StackError::Status`] if a reply has a status other than 200.
    pub async fn push_hubspot(
        &self,
        changes: &[Change],
        gateway: &Gateway,
    ) -> Result<(), StackError> {
        const PATH: &str = "/webhooks/hubspot";
        let uri = format!("{}{PATH}", gateway.url().replacen("http:", "https:", 1));
        for body in push_bodies(changes) {
            let now = SystemClock.now().as_millisecond();
            let signature = sign_v3(HUBSPOT_SECRET, "POST", &uri, body.as_bytes(), now);
            let timestamp = now.to_string();
            let headers = [
                ("Content-Type", "application/json"),
                ("X-HubSpot-Signature-v3", signature.as_str()),
                ("X-HubSpot-Request-Timestamp", timestamp.as_str()),
            ];
            post(gateway, PATH, &headers, body).await?;
        }
        Ok(())
    }
}

async fn post(
    gateway: &Gateway,
    path: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Result<(), StackError> {
    let Reply { status, body, .. } = gateway.post(path, headers, body).await?;
    if status == 200 {
        Ok(())
    } else {
        Err(StackError::Status { path: path.to_owned(), status, body })
    }
}
