//! All that the tour sets up: database, account, stack, key, HTTP API.

use jiff::{Timestamp, ToSpan as _};
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_testkit::TestDatabase;
use serde_json::Value;
use tokio_postgres::Client;

use super::TourError;
use super::options::Options;
use super::screen::Screen;
use crate::simulator::{Simulator, World, WorldSpec};
use crate::stack::{Gateway, LocalStack, Stack, StackError, StackSpec};

/// The stack's name.
pub(super) const STACK: &str = "penstock";

/// Days of the simulated history, and of the chart.
pub(super) const YEAR_DAYS: i64 = 365;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Requests a second to the simulator: what Stripe allows a live account, where the template is modest.
const SIMULATOR_RATE: u32 = 100;

/// What the tour walks through. Fields end in this order: who asks before whom they ask.
pub(super) struct Site {
    pub(super) gateway: Gateway,
    pub(super) key: String,
    pub(super) ingest_key: String,
    pub(super) stack: Stack,
    pub(super) sql: Client,
    /// None where the account is real.
    pub(super) simulator: Option<Simulator>,
    _database: TestDatabase,
}

/// Sets everything up, a line a step.
pub(super) async fn set_up(local: &LocalStack, options: &Options, screen: &mut Screen) -> Result<Site, TourError> {
    let step = screen.step("database: a new one, empty")?;
    let database = TestDatabase::empty().await;
    screen.done(step, "")?;

    let simulator = simulate(options, screen)?;

    let step = screen.step("stack: infra/template.yaml to LocalStack")?;
    let stack = deploy(local, options, simulator.as_ref(), &database).await?;
    screen.done(step, "8 functions, 6 queues, 2 rules")?;

    let step = screen.step("schema: the function migrate")?;
    stack.migrate().await?;
    screen.done(step, "")?;

    let step = screen.step("API keys, to read and to send: made here, only their SHA-256 goes to the database")?;
    let key = stack.key("read", "tour").await?;
    let ingest_key = stack.key("ingest", "tour").await?;
    screen.done(step, "")?;

    let step = screen.step("HTTP API: its routes to the functions metrics, webhook and ingest")?;
    let gateway = stack.gateway().await?;
    screen.done(step, gateway.url())?;
    let sql = database.client().await;
    Ok(Site { gateway, key, ingest_key, stack, sql, simulator, _database: database })
}

/// A year that ends now, unless there is a real account.
fn simulate(options: &Options, screen: &mut Screen) -> Result<Option<Simulator>, TourError> {
    if options.account.is_some() {
        screen.say("         Stripe: the real one, by STRIPE_API_KEY; no simulator")?;
        return Ok(None);
    }
    let step = screen.step("Stripe: a simulated year")?;
    let now = SystemClock.now().as_second();
    let world = World::new(WorldSpec::between(options.seed, options.charges, now - YEAR_DAYS * DAY_SECONDS, now));
    let (charges, refunds, disputes, _) = world.counts();
    let simulator = Simulator::start(world)?;
    let url = simulator.url();
    screen.done(step, &format!("{charges} charges, {refunds} refunds, {disputes} disputes, {url}"))?;
    Ok(Some(simulator))
}

async fn deploy(
    local: &LocalStack,
    options: &Options,
    simulator: Option<&Simulator>,
    database: &TestDatabase,
) -> Result<Stack, StackError> {
    let mut parameters = Vec::new();
    let mut stripe_key = String::new();
    if let Some(simulator) = simulator {
        stripe_key = simulator.key();
        parameters.push(("StripeBaseUrl", simulator.url()));
        parameters.push(("StripeRatePerSecond", SIMULATOR_RATE.to_string()));
    } else if let Some(account) = &options.account {
        stripe_key.clone_from(&account.key);
        parameters.extend(account.base_url.clone().map(|url| ("StripeBaseUrl", url)));
    }
    let spec =
        StackSpec { name: STACK, database_url: &database.url(), stripe_key: &stripe_key, in_place: true, parameters };
    Stack::deploy(local, &spec).await
}

impl Site {
    /// Puts requests on the queue, as EventBridge's rule and the functions themselves do.
    pub(super) async fn request(&self, requests: &[(&str, Mode)]) -> Result<(), TourError> {
        let body = |(entity, mode): &(&str, Mode)| serde_json::to_string(&FetchRequest::new("stripe", entity, *mode));
        let bodies = requests.iter().map(body).collect::<Result<Vec<_>, _>>().map_err(StackError::from)?;
        Ok(self.stack.fetch_requests().send(bodies).await?)
    }

    /// Asks the revenue route `view`, with more of a query if any, over so many days up to tomorrow.
    pub(super) async fn revenue(&self, view: &str, days: i64, query: &str) -> Result<Value, TourError> {
        let now = SystemClock.now();
        let (first, last) = (day(now, -days), day(now, 1));
        let path = format!("/metrics/revenue/{view}?startDate={first}&endDate={last}{query}");
        Ok(self.gateway.get(&path, &self.key).await?)
    }

    /// The last lines of the functions' logs.
    pub(super) fn last_words(&self) -> String {
        self.stack.last_words(5)
    }
}

/// The UTC date so many days from now.
fn day(now: Timestamp, days: i64) -> jiff::civil::Date {
    now.to_zoned(jiff::tz::TimeZone::UTC).date().saturating_add(days.days())
}
