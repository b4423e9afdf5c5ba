//! Sets up the tour: database, vendors, stack, keys, HTTP API.

use jiff::{Timestamp, ToSpan as _};
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::source;
use penstock_testkit::TestDatabase;
use serde_json::Value;
use tokio_postgres::Client;

use super::TourError;
use super::accounts::Accounts;
use super::money::grouped;
use super::options::Options;
use super::screen::Screen;
use crate::stack::{Gateway, LocalStack, Stack, StackError, StackSpec};
use crate::vendors::Vendors;

pub(super) const STACK: &str = "penstock";

/// The parts of the tour. Fields are dropped in this order, so a client goes before its server.
pub(super) struct Tour {
    pub(super) gateway: Gateway,
    pub(super) key: String,
    pub(super) ingest_key: String,
    pub(super) stack: Stack,
    pub(super) sql: Client,
    /// `None` if the accounts are real.
    pub(super) vendors: Option<Vendors>,
    /// The sources that are configured.
    pub(super) sources: Vec<&'static str>,
    _database: TestDatabase,
}

/// Sets everything up, and prints a line for each step.
pub(super) async fn set_up(
    local: &LocalStack,
    options: &Options,
    screen: &mut Screen,
) -> Result<Tour, TourError> {
    let step = screen.step("database: a new one, empty")?;
    let database = TestDatabase::empty().await;
    screen.done(step, "")?;

    let accounts = options.accounts.as_ref();
    let vendors = match accounts {
        Some(accounts) => announce(accounts, screen)?,
        None => Some(simulate(options, screen)?),
    };

    let step = screen.step("stack: infra/template.yaml to LocalStack")?;
    let stack = deploy(local, accounts, vendors.as_ref(), &database).await?;
    let [functions, queues, rules] =
        ["AWS::Lambda::Function", "AWS::SQS::Queue", "AWS::Events::Rule"]
            .map(|of_type| stack.count(of_type));
    screen.done(step, &format!("{functions} functions, {queues} queues, {rules} rules"))?;

    let step = screen.step("schema: the function migrate")?;
    stack.migrate().await?;
    screen.done(step, "")?;

    let step = screen.step(
        "API keys, to read and to send: made here, only their SHA-256 goes to the database",
    )?;
    let key = stack.key("read", "tour").await?;
    let ingest_key = stack.key("ingest", "tour").await?;
    screen.done(step, "")?;

    let step = screen.step("HTTP API: the template's routes to its functions")?;
    let gateway = stack.gateway()?;
    screen.done(step, gateway.url())?;
    let sql = database.client().await;
    let sources =
        accounts.map_or_else(|| Vendors::SOURCES.to_vec(), |accounts| accounts.sources.clone());
    Ok(Tour { gateway, key, ingest_key, stack, sql, vendors, sources, _database: database })
}

/// Prints which accounts are real. Nothing is simulated beside them.
fn announce(accounts: &Accounts, screen: &mut Screen) -> Result<Option<Vendors>, TourError> {
    for source in source::SOURCES.iter().map(|source| source.name()) {
        let real = accounts.sources.contains(&source);
        let what = if real {
            "the real one, by the key in the environment"
        } else {
            "not configured: there is no key"
        };
        screen.say(&format!("         {source}: {what}"))?;
    }
    Ok(None)
}

/// Starts the simulated vendors, with a year that ends now.
fn simulate(options: &Options, screen: &mut Screen) -> Result<Vendors, TourError> {
    let step = screen.step("Stripe, HubSpot, Google Calendar: a simulated year")?;
    let vendors = Vendors::start(options.seed, options.sizes())?;
    let (charges, refunds, disputes, _) = vendors.stripe.account().counts();
    let (contacts, deals) = {
        let portal = vendors.hubspot.portal();
        (portal.contacts_truth().len(), portal.deals_truth().len())
    };
    let events = vendors.google.with(|calendar| calendar.present().len());
    let number = |count: usize| grouped(&count.to_string());
    screen.done(
        step,
        &format!(
            "{} charges, {} refunds, {} disputes, {} contacts, {} deals, {} calendar events",
            number(charges),
            number(refunds),
            number(disputes),
            number(contacts),
            number(deals),
            number(events)
        ),
    )?;
    for (name, url) in [
        ("Stripe", vendors.stripe.url()),
        ("HubSpot", vendors.hubspot.url()),
        ("Google Calendar", vendors.google.base_url()),
    ] {
        screen.say(&format!("         {name}: {url}"))?;
    }
    Ok(vendors)
}

/// Deploys the stack. Real and simulated vendors differ only in secrets and parameters.
async fn deploy(
    local: &LocalStack,
    accounts: Option<&Accounts>,
    vendors: Option<&Vendors>,
    database: &TestDatabase,
) -> Result<Stack, StackError> {
    let real = accounts.map(|accounts| (accounts.secrets.clone(), accounts.parameters.clone()));
    let simulated = || vendors.map(|vendors| (vendors.secrets(), vendors.parameters()));
    let (secrets, parameters) = real.or_else(simulated).unwrap_or_default();
    let spec = StackSpec {
        name: STACK,
        database_url: &database.url(),
        secrets,
        in_place: true,
        parameters,
    };
    Stack::deploy(local, &spec).await
}

impl Tour {
    /// Sends a fetch request for every entity of every source that `mode` applies to, as
    /// EventBridge's rules do.
    pub(super) async fn request(&self, mode: Mode) -> Result<(), TourError> {
        let sources = self.sources.iter().filter_map(|name| source::find(name));
        let requests = sources.flat_map(|source| {
            source
                .entities(mode)
                .iter()
                .map(|entity| FetchRequest::new(source.name(), entity, mode))
        });
        let bodies = requests.map(|request| serde_json::to_string(&request));
        let bodies = bodies.collect::<Result<Vec<_>, _>>().map_err(StackError::from)?;
        Ok(self.stack.fetch_requests().send(bodies).await?)
    }

    /// Sends a GET to the revenue route `view`, for the last `days` days up to tomorrow. `query` is
    /// appended.
    pub(super) async fn revenue(
        &self,
        view: &str,
        days: i64,
        query: &str,
    ) -> Result<Value, TourError> {
        let now = SystemClock.now();
        let (first, last) = (day(now, -days), day(now, 1));
        let path = format!("/metrics/revenue/{view}?startDate={first}&endDate={last}{query}");
        Ok(self.gateway.get(&path, &self.key).await?)
    }

    /// Returns the last lines of the functions' logs.
    pub(super) fn last_words(&self) -> String {
        self.stack.last_words(5)
    }
}

/// Returns the UTC date `days` days from now.
fn day(now: Timestamp, days: i64) -> jiff::civil::Date {
    now.to_zoned(jiff::tz::TimeZone::UTC).date().saturating_add(days.days())
}
