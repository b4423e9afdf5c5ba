//! HubSpot at the door: signature version 3, over the URL that HubSpot has called.

use std::sync::Arc;

use jiff::Timestamp;
use penstock_clients::aws::Aws;
use penstock_clients::secret::Secret;
use penstock_domain::config::Env;
use penstock_domain::signature::{Signed, Verified};
use penstock_edge::http::{Problem, Request};

use crate::refusal::Refusal;
use crate::sender::{Claim, by_secrets};

/// How HubSpot's requests are verified.
pub struct HubSpotDoor {
    /// The app's client secrets, several while one replaces another.
    pub secret: Secret,
    /// Scheme and host under which HubSpot calls, and the stage where the path has one: `PUBLIC_BASE_URL`. Where it is
    /// not set, the request's own `Host`: which a proxy in between may have changed.
    pub public_base_url: Option<String>,
}

impl HubSpotDoor {
    /// `HUBSPOT_WEBHOOK_SECRET_ARN` names the secret; none where it is not set. `PUBLIC_BASE_URL` may be missing.
    pub fn from_env(env: &Env, aws: &Arc<Aws>) -> Option<Self> {
        let secret = Secret::stored(Arc::clone(aws), env.optional("HUBSPOT_WEBHOOK_SECRET_ARN")?);
        Some(Self { secret, public_base_url: env.optional("PUBLIC_BASE_URL") })
    }

    /// Verifies a body.
    pub(crate) async fn verify<'a>(
        &self,
        request: &Request,
        body: &'a [u8],
        now: Timestamp,
    ) -> Result<Verified<'a>, Refusal> {
        let signature = header(request, "X-HubSpot-Signature-v3")?;
        let timestamp = header(request, "X-HubSpot-Request-Timestamp")?;
        let uri = self.uri(request);
        let signed = Signed { method: request.method.as_str(), uri: &uri, signature, timestamp };
        by_secrets(&self.secret, body, Claim::HubSpot(signed), now).await
    }

    fn uri(&self, request: &Request) -> String {
        let host = || {
            request.headers.get("host").and_then(|value| value.to_str().ok()).unwrap_or_default()
        };
        let base = self.public_base_url.clone().unwrap_or_else(|| format!("https://{}", host()));
        let query = if request.raw_query.is_empty() {
            String::new()
        } else {
            format!("?{}", request.raw_query)
        };
        format!("{}{}{query}", base.trim_end_matches('/'), request.path)
    }
}

fn header<'a>(request: &'a Request, name: &str) -> Result<&'a str, Problem> {
    let value = request.headers.get(name).and_then(|value| value.to_str().ok());
    value.ok_or_else(|| Problem::bad_request("bad-signature", format!("{name} is missing.")))
}
