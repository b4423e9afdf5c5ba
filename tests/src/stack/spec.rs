//! The parameters of a deployment.

/// The parameters of one stack.
#[derive(Clone)]
pub struct StackSpec<'a> {
    /// The stack's name, from which all other names derive. A stack that has this name is updated.
    pub name: &'a str,
    pub database_url: &'a str,
    pub secrets: Secrets,
    /// Whether to run the binaries from their folder, in place of zips that go through S3.
    pub in_place: bool,
    /// Whether to leave out what does nothing in `LocalStack`: alarms, filters, the HTTP API.
    pub lean: bool,
    /// Parameters of the template that differ from its defaults.
    pub parameters: Vec<(&'static str, String)>,
}

/// The values of a stack's secrets. A source without its key is not configured.
#[derive(Clone, Default)]
pub struct Secrets {
    pub stripe_key: Option<String>,
    /// The secret that signs Stripe's webhooks; [`WEBHOOK_SECRET`](super::WEBHOOK_SECRET) if
    /// `None`.
    pub stripe_webhook: Option<String>,
    /// The key of HubSpot's API.
    pub hubspot_token: Option<String>,
    /// The secret that signs HubSpot's webhooks.
    pub hubspot_webhook: Option<String>,
    /// The text of the key file of Google's service account.
    pub gcal_account: Option<String>,
    /// The secret from which the tokens of Google's push channels are made.
    pub gcal_channel: Option<String>,
    /// The secret that makes the marks of API keys; a random one if `None`.
    pub api_keys: Option<String>,
    /// The key of the third party that decides transactions.
    pub third_party_key: Option<String>,
    /// The secret that signs the third party's call-backs.
    pub call_back: Option<String>,
    /// The secret that signs what the client of transactions is told.
    pub notify: Option<String>,
}

impl Secrets {
    /// Returns the variables that `infra/local/deploy.py` reads. A missing secret is set to the
    /// empty string, which hides a variable of the same name in this program's own environment.
    pub(super) fn variables(&self) -> [(&'static str, &str); 10] {
        [
            ("STRIPE_API_KEY", &self.stripe_key),
            ("STRIPE_WEBHOOK_SECRET", &self.stripe_webhook),
            ("HUBSPOT_TOKEN", &self.hubspot_token),
            ("HUBSPOT_WEBHOOK_SECRET", &self.hubspot_webhook),
            ("GCAL_SERVICE_ACCOUNT", &self.gcal_account),
            ("GCAL_CHANNEL_SECRET", &self.gcal_channel),
            ("API_KEY_SECRET", &self.api_keys),
            ("THIRD_PARTY_KEY", &self.third_party_key),
            ("CALL_BACK_SECRET", &self.call_back),
            ("NOTIFY_SECRET", &self.notify),
        ]
        .map(|(name, value)| (name, value.as_deref().unwrap_or_default()))
    }
}
