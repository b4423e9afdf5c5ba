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
use penstock_domain::pull::Paging;
use penstock_domain::source::Source;
use penstock_domain::source::gcal::{GoogleCalendar, MAX_PAGE};
use penstock_domain::source::hubspot::HubSpot;
use penstock_domain::source::stripe::Stripe;

use crate::PushTo;

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

/// The sources that are configured.
///
/// # Errors
/// Where a variable is missing or wrong; it is named.
pub fn from_env<C: Clock + Clone>(env: &Env, aws: &Arc<Aws>, clock: C) -> Result<Vec<Vendor<C>>, ConfigError> {
    let mut vendors = Vec::from_iter(stripe(env, aws, clock.clone())?);
    vendors.extend(hubspot(env, aws, clock.clone())?);
    vendors.extend(gcal(env, aws, clock)?);
    Ok(vendors)
}

/// `STRIPE_SECRET_ARN` names the key's secret (for local runs `STRIPE_API_KEY` is the key itself); without either there is
/// no Stripe. `STRIPE_BASE_URL`, `STRIPE_VERSION`, `STRIPE_PAGE_SIZE` (at most 100), `STRIPE_RATE_PER_SECOND`
/// (of each environment; Stripe allows the account 25 in test mode and 100 live), `STRIPE_CONCURRENCY` (windows of history
/// that a full run pages at once), `STRIPE_WINDOW_DAYS` and `STRIPE_TIMEOUT_SECONDS` have defaults.
fn stripe<C: Clock>(env: &Env, aws: &Arc<Aws>, clock: C) -> Result<Option<Vendor<C>>, ConfigError> {
    let Some(key) = secret(env, aws, "STRIPE_API_KEY", "STRIPE_SECRET_ARN") else { return Ok(None) };
    let config = VendorConfig {
        base_url: env.or("STRIPE_BASE_URL", "https://api.stripe.com"),
        auth: Auth::Bearer(key),
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
    let window = Duration::from_secs(days.max(1) * 24 * 60 * 60);
    let paging = Paging { page_size, window, side_by_side: env.parsed_or("STRIPE_CONCURRENCY", 4)?, scope: None };
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
    let Some(key) = secret(env, aws, "GCAL_SERVICE_ACCOUNT", "GCAL_SECRET_ARN") else { return Ok(None) };
    let account = ServiceAccount::new(key, READ_EVENTS)
        .acting_for(env.optional("GCAL_SUBJECT"))
        .exchanged_at(env.optional("GCAL_TOKEN_URL"));
    let config = VendorConfig {
        base_url: env.or("GCAL_BASE_URL", "https://www.googleapis.com/calendar/v3"),
        auth: Auth::Google(Box::new(account)),
        headers: Vec::new(),
        rate_per_second: env.parsed_or("GCAL_RATE_PER_SECOND", 4)?,
        timeout: Duration::from_secs(env.parsed_or("GCAL_TIMEOUT_SECONDS", 30)?),
    };
    let page_size = env.parsed_or("GCAL_PAGE_SIZE", 500)?;
    if !(1..=MAX_PAGE).contains(&page_size) {
        let reason = format!("Google gives 1 to {MAX_PAGE} a page");
        return Err(ConfigError::Invalid { name: "GCAL_PAGE_SIZE".to_owned(), reason });
    }
    let paging =
        Paging { page_size, window: Duration::ZERO, side_by_side: 1, scope: Some(env.required("GCAL_CALENDAR_ID")?) };
    let push =
        match (env.optional("GCAL_WEBHOOK_URL"), secret(env, aws, "GCAL_CHANNEL_SECRET", "GCAL_CHANNEL_SECRET_ARN")) {
            (Some(address), Some(secret)) => Some(PushTo { address, secret }),
            _ => None,
        };
    Ok(Some(Vendor { client: VendorClient::new(&GoogleCalendar, config, clock), paging, push }))
}

/// The secret that the variable `given` holds, or that `stored` names.
fn secret(env: &Env, aws: &Arc<Aws>, given: &str, stored: &str) -> Option<Secret> {
    let stored = || env.optional(stored).map(|arn| Secret::stored(Arc::clone(aws), arn));
    env.optional(given).map(Secret::given).or_else(stored)
}

/// `HUBSPOT_SECRET_ARN` names the secret of a private app's token (for local runs `HUBSPOT_TOKEN` is the token itself);
/// without either there is no HubSpot. `HUBSPOT_BASE_URL`, `HUBSPOT_PAGE_SIZE` (of a search, at most 200; lists give
/// at most 100), `HUBSPOT_RATE_PER_SECOND` (of each environment; HubSpot takes 5 searches a second of an account) and
/// `HUBSPOT_TIMEOUT_SECONDS` have defaults.
fn hubspot<C: Clock>(env: &Env, aws: &Arc<Aws>, clock: C) -> Result<Option<Vendor<C>>, ConfigError> {
    let Some(token) = secret(env, aws, "HUBSPOT_TOKEN", "HUBSPOT_SECRET_ARN") else { return Ok(None) };
    let config = VendorConfig {
        base_url: env.or("HUBSPOT_BASE_URL", "https://api.hubapi.com"),
        auth: Auth::Bearer(token),
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
    let paging = Paging { page_size, window: Duration::ZERO, side_by_side: 1, scope: None };
    Ok(Some(Vendor { client: VendorClient::new(&HubSpot, config, clock), paging, push: None }))
}
