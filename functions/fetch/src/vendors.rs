//! How each source is reached and paged, from the environment. [`Reach`] reads it.

use std::sync::Arc;

use penstock_clients::auth::Auth;
use penstock_clients::aws::Aws;
use penstock_clients::google::ServiceAccount;
use penstock_clients::secret::Secret;
use penstock_clients::vendor::{VendorClient, VendorConfig};
use penstock_domain::clock::Clock;
use penstock_domain::config::{ConfigError, Env};
use penstock_domain::connection::{ACCOUNT, Connection};
use penstock_domain::paging::Paging;
use penstock_domain::source::{
    AccountRules, Credential, Header, Normalize, Reach, SOURCES, Source, Webhook, variable,
};

/// A connection that can be pulled.
pub struct Vendor<C> {
    /// Its name.
    pub connection: String,
    /// Sends the requests to it.
    pub client: VendorClient<C>,
    /// How it is paged.
    pub paging: Paging,
    /// The route for its notifications; `None` if it does not push any.
    pub push: Option<PushTo>,
    /// Reads its objects, to add them up for a reconciliation.
    pub normalizer: Box<dyn Normalize>,
    /// Whether it is asked what its account is: not if the deployment says so.
    pub asks_account: bool,
}

impl<C: Clock> Vendor<C> {
    /// Returns the name of the connection, as in `source` columns.
    pub fn name(&self) -> &str {
        &self.connection
    }

    /// Returns the source, the facts and rules about this vendor.
    pub fn source(&self) -> &'static dyn Source {
        self.client.source()
    }
}

/// The route that a vendor pushes notifications to.
#[derive(Debug)]
pub struct PushTo {
    /// The https URL of the route.
    pub address: String,
    /// Signs the tokens of channels. The route checks them by the same secret.
    pub secret: Secret,
}

/// The sources that are configured, in the order of [`SOURCES`].
///
/// # Errors
/// If a variable is missing or cannot be used; the error names it.
pub fn from_env<C: Clock + Clone>(
    env: &Env,
    aws: &Arc<Aws>,
    clock: C,
) -> Result<Vec<Vendor<C>>, ConfigError> {
    let vendors = SOURCES.iter().map(|source| of(*source, env, aws, clock.clone()));
    vendors.filter_map(Result::transpose).collect()
}

/// A connection that was made while the system runs, by its own variables.
///
/// # Errors
/// If a variable is missing or cannot be used; the error names it.
pub fn connect<C: Clock + Clone>(
    connection: &Connection,
    env: &Env,
    aws: &Arc<Aws>,
    clock: &C,
) -> Result<Arc<Vendor<C>>, ConfigError> {
    let source = connection.vendor()?;
    let keyless = || ConfigError::Missing(variable(source, "SECRET_ARN"));
    let vendor = of(source, env, aws, clock.clone())?.ok_or_else(keyless)?;
    Ok(Arc::new(Vendor { connection: connection.name.clone(), ..vendor }))
}

/// One source; `None` if its key is not configured.
///
/// # Errors
/// As [`from_env`].
pub fn of<C: Clock>(
    source: &'static dyn Source,
    env: &Env,
    aws: &Arc<Aws>,
    clock: C,
) -> Result<Option<Vendor<C>>, ConfigError> {
    let access = source.access();
    let own = Variables { source, env };
    let given = own.named(access.credential.given());
    let Some(key) = Secret::from_env(env, aws, &given, &own.named("SECRET_ARN")) else {
        return Ok(None);
    };
    let header = |header: &Header| (header.name, env.or(&own.named(header.variable), header.value));
    let Reach { base_url, rate_per_second, timeout, paging } = Reach::from_env(source, env)?;
    let account = access.account_header.zip(env.optional(&own.named(ACCOUNT)));
    let headers = access.headers.iter().map(header).chain(account).collect();
    let auth = own.auth(access.credential, key);
    let config = VendorConfig { base_url, auth, headers, rate_per_second, timeout };
    Ok(Some(Vendor {
        connection: source.name().to_owned(),
        client: VendorClient::new(source, config, clock),
        paging,
        push: own.push_to(aws),
        normalizer: source.normalizer(env)?,
        asks_account: source
            .account()
            .and_then(AccountRules::setting)
            .is_none_or(|ending| env.optional(&own.named(ending)).is_none()),
    }))
}

/// The environment variables of one source.
struct Variables<'e> {
    source: &'static dyn Source,
    env: &'e Env,
}

impl Variables<'_> {
    fn named(&self, ending: &str) -> String {
        variable(self.source, ending)
    }

    fn auth(&self, credential: Credential, key: Secret) -> Auth {
        match credential {
            Credential::Bearer { .. } => Auth::Bearer(key),
            Credential::GoogleServiceAccount { oauth_scope, .. } => {
                let account = ServiceAccount::new(key, oauth_scope)
                    .acting_for(self.env.optional(&self.named("SUBJECT")))
                    .exchanged_at(self.env.optional(&self.named("TOKEN_URL")));
                Auth::Google(Box::new(account))
            }
        }
    }

    /// A vendor that notifies pushes to `WEBHOOK_URL`, if that and the secret of its channels are
    /// set.
    fn push_to(&self, aws: &Arc<Aws>) -> Option<PushTo> {
        let webhook = self.source.webhook()?;
        if !matches!(webhook, Webhook::Notified(_)) {
            return None;
        }
        let address = self.env.optional(&self.named("WEBHOOK_URL"))?;
        let given = self.named(webhook.secret_variable());
        let secret = Secret::from_env(self.env, aws, &given, &format!("{given}_ARN"))?;
        Some(PushTo { address, secret })
    }
}

#[cfg(test)]
mod tests {
    use penstock_clients::clock::SystemClock;

    use super::*;

    fn configured(env: &[(String, &str)]) -> Result<Vec<&'static str>, String> {
        let env: Env = env.iter().cloned().collect();
        let vendors = from_env(&env, &Arc::new(Aws::default()), SystemClock)
            .map_err(|error| error.to_string())?;
        Ok(vendors.iter().map(|vendor| vendor.source().name()).collect())
    }

    #[test]
    fn each_source_is_reached_where_its_secret_is_named() {
        let secrets = SOURCES.iter().map(|source| (variable(*source, "SECRET_ARN"), "arn"));
        let parts = SOURCES
            .iter()
            .filter_map(|source| Some((variable(*source, source.access().part?), "a part of it")));
        let env: Vec<_> = secrets.chain(parts).collect();
        let all: Vec<_> = SOURCES.iter().map(|source| source.name()).collect();
        assert_eq!(configured(&env), Ok(all));
    }

    #[test]
    fn a_source_without_a_key_is_none_of_the_deployments() {
        assert_eq!(configured(&[("STRIPE_API_KEY".to_owned(), "sk_1")]), Ok(vec!["stripe"]));
        assert_eq!(configured(&[]), Ok(vec![]));
    }

    #[test]
    fn what_cannot_be_used_is_named() {
        for (name, value, error) in [
            (
                "HUBSPOT_PAGE_SIZE",
                "201",
                "HUBSPOT_PAGE_SIZE cannot be used: the vendor gives 1 to 200 a page",
            ),
            (
                "STRIPE_PAGE_SIZE",
                "0",
                "STRIPE_PAGE_SIZE cannot be used: the vendor gives 1 to 100 a page",
            ),
            (
                "HUBSPOT_TIMEOUT_SECONDS",
                "-1",
                "HUBSPOT_TIMEOUT_SECONDS cannot be used: invalid digit found in string",
            ),
            (
                "HUBSPOT_API_VERSION",
                "../v3",
                "HUBSPOT_API_VERSION cannot be used: it cannot be a part of a path",
            ),
            ("GCAL_SECRET_ARN", "arn", "GCAL_CALENDAR_ID is not set"),
        ] {
            let env = [("STRIPE_API_KEY", "sk_1"), ("HUBSPOT_TOKEN", "pat"), (name, value)];
            let env: Vec<_> = env.map(|(name, value)| (name.to_owned(), value)).to_vec();
            assert_eq!(configured(&env), Err(error.to_owned()));
        }
    }
}
