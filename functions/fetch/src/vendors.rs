//! How each source is reached and paged, from the environment.

use std::sync::Arc;
use std::time::Duration;

use penstock_clients::auth::Auth;
use penstock_clients::aws::Aws;
use penstock_clients::google::ServiceAccount;
use penstock_clients::secret::Secret;
use penstock_clients::vendor::{VendorClient, VendorConfig};
use penstock_domain::clock::Clock;
use penstock_domain::config::{ConfigError, Env};
use penstock_domain::paging::Paging;
use penstock_domain::source::gcal::{GoogleCalendar, MAX_PAGE};
use penstock_domain::source::stripe::Stripe;
use penstock_domain::source::{Access, SOURCES, Source, variable};

/// A source that can be pulled.
pub struct Vendor<C> {
    /// Asks it.
    pub client: VendorClient<C>,
    /// How it is paged.
    pub paging: Paging,
    /// Where it is to push to, if it is.
    pub push: Option<PushTo>,
}

impl<C: Clock> Vendor<C> {
    /// What is known of it.
    pub fn source(&self) -> &'static dyn Source {
        self.client.source()
    }
}

/// Where a vendor is to push to.
#[derive(Debug)]
pub struct PushTo {
    /// The address of the route: https.
    pub address: String,
    /// Signs the tokens of channels. The route checks them by the same secret.
    pub secret: Secret,
}

/// The sources that are configured, in the order of [`SOURCES`].
///
/// # Errors
/// Where a variable is missing or wrong; it is named.
pub fn from_env<C: Clock + Clone>(
    env: &Env,
    aws: &Arc<Aws>,
    clock: C,
) -> Result<Vec<Vendor<C>>, ConfigError> {
    let vendors = SOURCES.iter().map(|source| of(*source, env, aws, clock.clone()));
    vendors.filter_map(Result::transpose).collect()
}

/// One source; none where it is not configured.
///
/// # Errors
/// As [`from_env`].
pub fn of<C: Clock>(
    source: &'static dyn Source,
    env: &Env,
    aws: &Arc<Aws>,
    clock: C,
) -> Result<Option<Vendor<C>>, ConfigError> {
    match (source.access(), source.name()) {
        (Some(access), _) => by_key(source, access, env, aws, clock),
        (None, "stripe") => stripe(env, aws, clock),
        (None, "gcal") => gcal(env, aws, clock),
        // A test goes through `SOURCES`, so this is not deployed.
        (None, name) => Err(ConfigError::Missing(format!("how to reach {name}"))),
    }
}

/// A source that wants no more than a bearer key: see [`Access`].
fn by_key<C: Clock>(
    source: &'static dyn Source,
    access: Access,
    env: &Env,
    aws: &Arc<Aws>,
    clock: C,
) -> Result<Option<Vendor<C>>, ConfigError> {
    let named = |ending| variable(source, ending);
    let Some(key) = Secret::from_env(env, aws, &named("TOKEN"), &named("SECRET_ARN")) else {
        return Ok(None);
    };
    let config = VendorConfig {
        base_url: env.or(&named("BASE_URL"), access.base_url),
        auth: Auth::Bearer(key),
        headers: Vec::new(),
        rate_per_second: env.parsed_or(&named("RATE_PER_SECOND"), access.per_second)?,
        timeout: timeout(env, &named("TIMEOUT_SECONDS"))?,
    };
    let page_size = page_size(env, &named("PAGE_SIZE"), access.page_size, access.most)?;
    let scope = access.scope.map(|ending| env.required(&named(ending))).transpose()?;
    // What is paged by a key's source is not cut into windows.
    let paging = Paging { page_size, window: Duration::ZERO, side_by_side: 1, scope };
    Ok(Some(Vendor { client: VendorClient::new(source, config, clock), paging, push: None }))
}

/// `STRIPE_SECRET_ARN` names the key's secret (for local runs `STRIPE_API_KEY` is the key itself); without either there is
/// no Stripe. `STRIPE_BASE_URL`, `STRIPE_VERSION`, `STRIPE_PAGE_SIZE` (at most 100), `STRIPE_RATE_PER_SECOND`
/// (of each environment; Stripe allows the account 25 in test mode and 100 live), `STRIPE_CONCURRENCY` (windows of history
/// that a full run pages at once), `STRIPE_WINDOW_DAYS` and `STRIPE_TIMEOUT_SECONDS` have defaults.
fn stripe<C: Clock>(env: &Env, aws: &Arc<Aws>, clock: C) -> Result<Option<Vendor<C>>, ConfigError> {
    let Some(key) = Secret::from_env(env, aws, "STRIPE_API_KEY", "STRIPE_SECRET_ARN") else {
        return Ok(None);
    };
    let config = VendorConfig {
        base_url: env.or("STRIPE_BASE_URL", "https://api.stripe.com"),
        auth: Auth::Bearer(key),
        headers: vec![("stripe-version", env.or("STRIPE_VERSION", "2026-10-28.endive"))],
        rate_per_second: env.parsed_or("STRIPE_RATE_PER_SECOND", 6)?,
        timeout: timeout(env, "STRIPE_TIMEOUT_SECONDS")?,
    };
    let days: u64 = env.parsed_or("STRIPE_WINDOW_DAYS", 31)?;
    let page_size = page_size(env, "STRIPE_PAGE_SIZE", 100, 100)?;
    let window = Duration::from_secs(days.max(1) * 24 * 60 * 60);
    let paging = Paging {
        page_size,
        window,
        side_by_side: env.parsed_or("STRIPE_CONCURRENCY", 4)?,
        scope: None,
    };
    Ok(Some(Vendor { client: VendorClient::new(&Stripe, config, clock), paging, push: None }))
}

/// What Google's account is asked to be let into: to read events, and to watch them.
const READ_EVENTS: &str = "https://www.googleapis.com/auth/calendar.events.readonly";

/// Google Calendar, where `GCAL_SECRET_ARN` names the secret with the service account's key file (for local runs
/// `GCAL_SERVICE_ACCOUNT` is the file's text itself). `GCAL_CALENDAR_ID` is needed then; `GCAL_SUBJECT` is a user of the
/// domain to act for; `GCAL_BASE_URL`, `GCAL_TOKEN_URL`, `GCAL_PAGE_SIZE` (at most 2,500), `GCAL_RATE_PER_SECOND` (of each
/// environment; Google allows a user 600 a minute) and `GCAL_TIMEOUT_SECONDS` have defaults. Google is told to push to
/// `GCAL_WEBHOOK_URL` where that is set, with tokens made by the secret `GCAL_CHANNEL_SECRET_ARN` (locally
/// `GCAL_CHANNEL_SECRET`).
fn gcal<C: Clock>(env: &Env, aws: &Arc<Aws>, clock: C) -> Result<Option<Vendor<C>>, ConfigError> {
    let Some(key) = Secret::from_env(env, aws, "GCAL_SERVICE_ACCOUNT", "GCAL_SECRET_ARN") else {
        return Ok(None);
    };
    let account = ServiceAccount::new(key, READ_EVENTS)
        .acting_for(env.optional("GCAL_SUBJECT"))
        .exchanged_at(env.optional("GCAL_TOKEN_URL"));
    let config = VendorConfig {
        base_url: env.or("GCAL_BASE_URL", "https://www.googleapis.com/calendar/v3"),
        auth: Auth::Google(Box::new(account)),
        headers: Vec::new(),
        rate_per_second: env.parsed_or("GCAL_RATE_PER_SECOND", 4)?,
        timeout: timeout(env, "GCAL_TIMEOUT_SECONDS")?,
    };
    let page_size = page_size(env, "GCAL_PAGE_SIZE", 500, MAX_PAGE)?;
    let scope = Some(env.required("GCAL_CALENDAR_ID")?);
    let paging = Paging { page_size, window: Duration::ZERO, side_by_side: 1, scope };
    let push = match (
        env.optional("GCAL_WEBHOOK_URL"),
        Secret::from_env(env, aws, "GCAL_CHANNEL_SECRET", "GCAL_CHANNEL_SECRET_ARN"),
    ) {
        (Some(address), Some(secret)) => Some(PushTo { address, secret }),
        _ => None,
    };
    Ok(Some(Vendor { client: VendorClient::new(&GoogleCalendar, config, clock), paging, push }))
}

/// For one request, from connecting to the last byte.
fn timeout(env: &Env, name: &str) -> Result<Duration, ConfigError> {
    Ok(Duration::from_secs(env.parsed_or(name, 30)?))
}

/// Objects a page.
fn page_size(env: &Env, name: &str, usual: u32, most: u32) -> Result<u32, ConfigError> {
    let size = env.parsed_or(name, usual)?;
    if (1..=most).contains(&size) {
        return Ok(size);
    }
    Err(ConfigError::Invalid {
        name: name.to_owned(),
        reason: format!("the vendor gives 1 to {most} a page"),
    })
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

    /// What a source that says nothing of its access needs beside its secret.
    const MORE: [(&str, &str); 1] = [("GCAL_CALENDAR_ID", "team@example.com")];

    #[test]
    fn each_source_is_reached_where_its_secret_is_named() {
        let secrets = SOURCES.iter().map(|source| (variable(*source, "SECRET_ARN"), "arn"));
        let more = MORE.iter().map(|(name, value)| ((*name).to_owned(), *value));
        let scope = |source: &&'static dyn Source| source.access().and_then(|access| access.scope);
        let scopes = SOURCES
            .iter()
            .filter_map(|source| Some((variable(*source, scope(source)?), "a part of it")));
        let env: Vec<_> = secrets.chain(more).chain(scopes).collect();
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
            ("GCAL_SECRET_ARN", "arn", "GCAL_CALENDAR_ID is not set"),
        ] {
            let env = [("STRIPE_API_KEY", "sk_1"), ("HUBSPOT_TOKEN", "pat"), (name, value)];
            let env: Vec<_> = env.map(|(name, value)| (name.to_owned(), value)).to_vec();
            assert_eq!(configured(&env), Err(error.to_owned()));
        }
    }
}
