//! Real accounts in place of the simulated vendors.

use penstock_domain::config::{ConfigError, Env};

use crate::stack::Secrets;

/// The accounts whose keys are in the environment. If there is one, nothing is simulated: invented
/// figures must not be added to real ones.
#[derive(Clone)]
pub struct Accounts {
    /// The sources that have a key.
    pub sources: Vec<&'static str>,
    pub secrets: Secrets,
    /// Parameters of the template that the environment sets.
    pub parameters: Vec<(&'static str, String)>,
}

/// Variables of .env.example, and the parameters of the template that they set.
const PARAMETERS: [(&str, &str); 22] = [
    ("STRIPE_BASE_URL", "StripeBaseUrl"),
    ("STRIPE_VERSION", "StripeVersion"),
    ("STRIPE_PAGE_SIZE", "StripePageSize"),
    ("STRIPE_RATE_PER_SECOND", "StripeRatePerSecond"),
    ("STRIPE_WINDOW_DAYS", "StripeWindowDays"),
    ("STRIPE_LIVEMODE", "StripeLivemode"),
    ("STRIPE_ACCOUNTS", "StripeAccounts"),
    ("HUBSPOT_BASE_URL", "HubSpotBaseUrl"),
    ("HUBSPOT_API_VERSION", "HubSpotApiVersion"),
    ("HUBSPOT_PAGE_SIZE", "HubSpotPageSize"),
    ("HUBSPOT_RATE_PER_SECOND", "HubSpotRatePerSecond"),
    ("HUBSPOT_CURRENCY", "HubSpotDealCurrency"),
    ("HUBSPOT_DEAL_STAGES", "HubSpotDealStages"),
    ("PUBLIC_BASE_URL", "PublicBaseUrl"),
    ("GCAL_CALENDAR_ID", "GcalCalendarId"),
    ("GCAL_SUBJECT", "GcalSubject"),
    ("GCAL_WEBHOOK_URL", "GcalWebhookUrl"),
    ("GCAL_BASE_URL", "GcalBaseUrl"),
    ("GCAL_TOKEN_URL", "GcalTokenUrl"),
    ("GCAL_PAGE_SIZE", "GcalPageSize"),
    ("GCAL_RATE_PER_SECOND", "GcalRatePerSecond"),
    ("BUSINESS_TIMEZONE", "BusinessTimezone"),
];

impl Accounts {
    /// Reads `STRIPE_API_KEY`, `HUBSPOT_TOKEN`, and `GCAL_SERVICE_ACCOUNT` (the text of the key
    /// file) or `GCAL_SERVICE_ACCOUNT_FILE` (its path). A service account also needs
    /// `GCAL_CALENDAR_ID`.
    ///
    /// Returns `None` if no key is set.
    ///
    /// # Errors
    ///
    /// The key file cannot be read, or `GCAL_CALENDAR_ID` is missing.
    pub fn from_env(env: &Env) -> Result<Option<Self>, ConfigError> {
        let secrets = Secrets {
            stripe_key: env.optional("STRIPE_API_KEY"),
            stripe_webhook: env.optional("STRIPE_WEBHOOK_SECRET"),
            hubspot_token: env.optional("HUBSPOT_TOKEN"),
            hubspot_webhook: env.optional("HUBSPOT_WEBHOOK_SECRET"),
            gcal_account: key_file(env)?,
            gcal_channel: env.optional("GCAL_CHANNEL_SECRET"),
            ..Secrets::default()
        };
        if secrets.gcal_account.is_some() {
            env.required("GCAL_CALENDAR_ID")?;
        }
        let keys = [
            ("stripe", &secrets.stripe_key),
            ("hubspot", &secrets.hubspot_token),
            ("gcal", &secrets.gcal_account),
        ];
        let sources: Vec<_> =
            keys.iter().filter(|(_, key)| key.is_some()).map(|(source, _)| *source).collect();
        let given = PARAMETERS
            .iter()
            .filter_map(|(name, parameter)| Some((*parameter, env.optional(name)?)));
        let parameters = given.collect();
        Ok((!sources.is_empty()).then_some(Self { sources, secrets, parameters }))
    }
}

fn key_file(env: &Env) -> Result<Option<String>, ConfigError> {
    const FILE: &str = "GCAL_SERVICE_ACCOUNT_FILE";
    match (env.optional("GCAL_SERVICE_ACCOUNT"), env.optional(FILE)) {
        (Some(text), _) => Ok(Some(text)),
        (None, None) => Ok(None),
        (None, Some(path)) => std::fs::read_to_string(&path).map(Some).map_err(|error| {
            let reason = format!("{path}: {error}");
            ConfigError::Invalid { name: FILE.to_owned(), reason }
        }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(variables: &[(&str, &str)]) -> Result<Option<Accounts>, ConfigError> {
        Accounts::from_env(&variables.iter().copied().collect())
    }

    #[test]
    fn without_a_key_all_is_simulated_whatever_else_is_set() {
        assert!(
            read(&[("STRIPE_BASE_URL", "https://x"), ("STRIPE_API_KEY", "")]).unwrap().is_none()
        );
    }

    #[test]
    fn with_one_key_the_others_are_no_sources() {
        let accounts =
            read(&[("HUBSPOT_TOKEN", "pat"), ("HUBSPOT_CURRENCY", "EUR")]).unwrap().unwrap();
        assert_eq!((accounts.sources, accounts.secrets.stripe_key), (vec!["hubspot"], None));
        assert_eq!(accounts.parameters, [("HubSpotDealCurrency", "EUR".to_owned())]);
    }

    #[test]
    fn a_service_account_comes_as_text_or_as_a_path_and_wants_its_calendar_named() {
        let text = [("GCAL_SERVICE_ACCOUNT", "{}")];
        assert!(read(&text).err().unwrap().to_string().contains("GCAL_CALENDAR_ID"));
        let named = [("GCAL_CALENDAR_ID", "team@example.com")];
        let accounts = read(&[text, named].concat()).unwrap().unwrap();
        assert_eq!(
            (accounts.sources, accounts.secrets.gcal_account.as_deref()),
            (vec!["gcal"], Some("{}"))
        );
        let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
        let accounts =
            read(&[[("GCAL_SERVICE_ACCOUNT_FILE", manifest)], named].concat()).unwrap().unwrap();
        assert!(accounts.secrets.gcal_account.unwrap().contains("[package]"));
        let missing = [("GCAL_SERVICE_ACCOUNT_FILE", "/there/is/none")];
        assert!(read(&missing).err().unwrap().to_string().contains("GCAL_SERVICE_ACCOUNT_FILE"));
    }
}
