//! How each source is reached and paged, from the environment.

use std::sync::Arc;
use std::time::Duration;

use penstock_clients::aws::Aws;
use penstock_clients::secret::Secret;
use penstock_clients::vendor::{VendorClient, VendorConfig};
use penstock_domain::clock::Clock;
use penstock_domain::config::{ConfigError, Env};
use penstock_domain::pull::Paging;
use penstock_domain::source::Source;
use penstock_domain::source::hubspot::HubSpot;
use penstock_domain::source::stripe::Stripe;

/// A source that can be pulled.
pub struct Vendor<C> {
    /// Asks it.
    pub client: VendorClient<C>,
    /// How it is paged.
    pub paging: Paging,
}

impl<C: Clock> Vendor<C> {
    /// What is known of it.
    pub fn source(&self) -> &'static dyn Source {
        self.client.source()
    }
}

/// The sources that are configured.
///
/// # Errors
/// Where a variable is missing or wrong; it is named.
pub fn from_env<C: Clock + Clone>(env: &Env, aws: &Arc<Aws>, clock: C) -> Result<Vec<Vendor<C>>, ConfigError> {
    let mut vendors = vec![stripe(env, aws, clock.clone())?];
    vendors.extend(hubspot(env, aws, clock)?);
    Ok(vendors)
}

/// `STRIPE_SECRET_ARN` names the key's secret (for local runs `STRIPE_API_KEY` is the key itself);
/// `STRIPE_BASE_URL`, `STRIPE_VERSION`, `STRIPE_PAGE_SIZE` (at most 100), `STRIPE_RATE_PER_SECOND`
/// (of each environment; Stripe allows the account 25 in test mode and 100 live), `STRIPE_WINDOW_DAYS` and `STRIPE_TIMEOUT_SECONDS` have defaults.
fn stripe<C: Clock>(env: &Env, aws: &Arc<Aws>, clock: C) -> Result<Vendor<C>, ConfigError> {
    let key = match env.optional("STRIPE_API_KEY") {
        Some(key) => Secret::given(key),
        None => Secret::stored(Arc::clone(aws), env.required("STRIPE_SECRET_ARN")?),
    };
    let config = VendorConfig {
        base_url: env.or("STRIPE_BASE_URL", "https://api.stripe.com"),
        key,
        headers: vec![("stripe-version", env.or("STRIPE_VERSION", "2026-10-28.endive"))],
        rate_per_second: env.parsed_or("STRIPE_RATE_PER_SECOND", 6)?,
        timeout: Duration::from_secs(env.parsed_or("STRIPE_TIMEOUT_SECONDS", 30)?),
    };
    let days: u64 = env.parsed_or("STRIPE_WINDOW_DAYS", 31)?;
    let page_size = env.parsed_or("STRIPE_PAGE_SIZE", 100)?;
    if !(1..=100).contains(&page_size) {
        let reason = "Stripe gives 1 to 100 a page".to_owned();
        return Err(ConfigError::Invalid { name: "STRIPE_PAGE_SIZE".to_owned(), reason });
    }
    let paging = Paging { page_size, window: Duration::from_secs(days.max(1) * 24 * 60 * 60), scope: None };
    Ok(Vendor { client: VendorClient::new(&Stripe, config, clock), paging })
}

/// `HUBSPOT_SECRET_ARN` names the secret of a private app's token (for local runs `HUBSPOT_TOKEN` is the token itself);
/// without either there is no HubSpot. `HUBSPOT_BASE_URL`, `HUBSPOT_PAGE_SIZE` (of a search, at most 200; lists give
/// at most 100), `HUBSPOT_RATE_PER_SECOND` (of each environment; HubSpot takes 5 searches a second of an account) and
/// `HUBSPOT_TIMEOUT_SECONDS` have defaults.
fn hubspot<C: Clock>(env: &Env, aws: &Arc<Aws>, clock: C) -> Result<Option<Vendor<C>>, ConfigError> {
    let key = match (env.optional("HUBSPOT_TOKEN"), env.optional("HUBSPOT_SECRET_ARN")) {
        (Some(token), _) => Secret::given(token),
        (None, Some(arn)) => Secret::stored(Arc::clone(aws), arn),
        (None, None) => return Ok(None),
    };
    let config = VendorConfig {
        base_url: env.or("HUBSPOT_BASE_URL", "https://api.hubapi.com"),
        key,
        headers: Vec::new(),
        rate_per_second: env.parsed_or("HUBSPOT_RATE_PER_SECOND", 4)?,
        timeout: Duration::from_secs(env.parsed_or("HUBSPOT_TIMEOUT_SECONDS", 30)?),
    };
    let page_size = env.parsed_or("HUBSPOT_PAGE_SIZE", 200)?;
    if !(1..=200).contains(&page_size) {
        let reason = "HubSpot gives 1 to 200 a page of a search".to_owned();
        return Err(ConfigError::Invalid { name: "HUBSPOT_PAGE_SIZE".to_owned(), reason });
    }
    // HubSpot's history is not cut into windows.
    let paging = Paging { page_size, window: Duration::ZERO, scope: None };
    Ok(Some(Vendor { client: VendorClient::new(&HubSpot, config, clock), paging }))
}
