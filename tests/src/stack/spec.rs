//! What to deploy.

/// What to deploy.
#[derive(Clone)]
pub struct StackSpec<'a> {
    /// The stack's name, from which all others derive. A stack of that name is updated.
    pub name: &'a str,
    /// Where its rows go.
    pub database_url: &'a str,
    /// What goes into the stack's secrets.
    pub secrets: Secrets,
    /// Whether to run the binaries from where they lie, in place of zips that go through S3.
    pub in_place: bool,
    /// Parameters of the template other than its defaults.
    pub parameters: Vec<(&'static str, String)>,
}

/// What goes into a stack's secrets. A source without its key is not configured.
#[derive(Clone, Default)]
pub struct Secrets {
    /// Stripe's key.
    pub stripe_key: Option<String>,
    /// What signs Stripe's webhooks; [`WEBHOOK_SECRET`](super::WEBHOOK_SECRET) where it is not told.
    pub stripe_webhook: Option<String>,
    /// The token of HubSpot's private app.
    pub hubspot_token: Option<String>,
    /// What signs HubSpot's webhooks.
    pub hubspot_webhook: Option<String>,
    /// The text of the key file of Google's service account.
    pub gcal_account: Option<String>,
    /// What makes the tokens of Google's push channels.
    pub gcal_channel: Option<String>,
}

impl Secrets {
    /// As infra/local/deploy.py reads them: what is empty is none, whatever this program's own environment says.
    pub(super) fn variables(&self) -> [(&'static str, &str); 6] {
        [
            ("STRIPE_API_KEY", &self.stripe_key),
            ("STRIPE_WEBHOOK_SECRET", &self.stripe_webhook),
            ("HUBSPOT_TOKEN", &self.hubspot_token),
            ("HUBSPOT_WEBHOOK_SECRET", &self.hubspot_webhook),
            ("GCAL_SERVICE_ACCOUNT", &self.gcal_account),
            ("GCAL_CHANNEL_SECRET", &self.gcal_channel),
        ]
        .map(|(name, value)| (name, value.as_deref().unwrap_or_default()))
    }
}
