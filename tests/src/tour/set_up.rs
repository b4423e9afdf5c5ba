//! Sets up the tour: database, vendors, stack, keys, HTTP API.

use std::sync::{Arc, Mutex};

use jiff::{Timestamp, ToSpan as _};
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::source;
use penstock_testkit::TestDatabase;
use serde_json::{Value, json};
use tokio_postgres::{Client, NoTls, connect};

use super::accounts::Accounts;
use super::console::sign_in_link;
use super::kept::Kept;
use super::links::links;
use super::money::counted;
use super::options::Options;
use super::screen::Screen;
use super::{NEWS, TourError, analytics};
use crate::loopback::lock;
use crate::repository::root;
use crate::stack::{Gateway, LocalStack, Parties, Stack, StackError, StackSpec};
use crate::vendors::{Connection, Vendors};

pub(super) const STACK: &str = "penstock";

/// The file that keeps the port and the keys from run to run.
const KEPT: &str = ".local/run.json";

/// Requests a second of each key: more than this machine serves, so that a measurement is one of
/// the functions. A key of `make key` has 100 unless it is given another rate.
const RATE: u32 = 10_000;

/// Transactions that are posted at the beginning.
const FIRST: usize = 40;

/// The parts of the tour. Fields are dropped in this order, so a client goes before its server.
pub(super) struct Tour {
    pub(super) gateway: Gateway,
    pub(super) key: String,
    pub(super) ingest_key: String,
    /// A link that signs in to the console, once.
    pub(super) console: String,
    pub(super) stack: Stack,
    sql: Mutex<Arc<Client>>,
    /// `None` if the accounts are real.
    pub(super) vendors: Option<Vendors>,
    /// The third party and its client; `None` if the accounts are real.
    pub(super) parties: Option<Parties>,
    /// The accounts that are read.
    pub(super) connections: Vec<Connection>,
    database: TestDatabase,
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
    let parties = vendors.as_ref().map(|_| decide(options, screen)).transpose()?;

    let step = screen.step("stack: infra/template.yaml to LocalStack")?;
    let kept = Kept::read_or_make(&root().join(KEPT))?;
    let simulated = vendors.as_ref().zip(parties.as_ref());
    let stack = deploy(local, accounts, simulated, &kept, &database).await?;
    let [functions, queues, rules] =
        ["AWS::Lambda::Function", "AWS::SQS::Queue", "AWS::Events::Rule"]
            .map(|of_type| stack.count(of_type));
    screen.done(step, &format!("{functions} functions, {queues} queues, {rules} rules"))?;

    let step = screen.step("schema: the function migrate")?;
    stack.migrate().await?;
    screen.done(step, "")?;

    let step = screen.step(&format!(
        "API keys, to read and to send: those of {KEPT}, only their SHA-256 goes to the database"
    ))?;
    let key = stack.register("read", "tour", &kept.read, RATE).await?;
    let ingest_key = stack.register("ingest", "tour", &kept.ingest, RATE).await?;
    screen.done(step, "")?;

    let step = screen.step("HTTP API: the template's routes to its functions")?;
    let start = async |port| stack.hosting_gateway(port).await;
    let (gateway, note) = kept.on_port(KEPT, start).await?;
    screen.done(step, gateway.url())?;
    note.iter().try_for_each(|note| screen.say(note))?;
    let step = screen.step("console: an account for you, by the function accounts")?;
    let console = sign_in_link(&stack, &gateway).await?;
    screen.done(step, "")?;
    let sql = Mutex::new(Arc::new(database.client().await));
    let connections = accounts.map_or_else(
        || Vendors::CONNECTIONS.to_vec(),
        |accounts| accounts.sources.iter().copied().map(Connection::declared).collect(),
    );
    Ok(Tour {
        gateway,
        key,
        ingest_key,
        console,
        stack,
        sql,
        vendors,
        parties,
        connections,
        database,
    })
}

/// Requests the first pulls. While they are under way it connects the accounts that the template
/// does not declare, and posts the first transactions.
pub(super) async fn begin(tour: &Tour, screen: &mut Screen) -> Result<(), TourError> {
    tour.request_of(NEWS, Connection::is_declared).await?;
    let Some(vendors) = &tour.vendors else { return Ok(()) };
    let made: Vec<&str> =
        tour.connections.iter().filter(|one| !one.is_declared()).map(|one| one.name).collect();
    let step = screen.step(&format!(
        "connections: {} by the function admin, while the others are pulled",
        made.join(" and ")
    ))?;
    for command in vendors.commands() {
        make_connection(&tour.stack, &command).await?;
    }
    screen.done(step, "")?;
    let step = screen.step(&format!("transactions: {FIRST}, each posted twice"))?;
    tour.post_transactions(FIRST).await?;
    Ok(screen.done(step, "")?)
}

/// Carries out an operator's command, as `make connect` does. It requests the first pulls too.
async fn make_connection(stack: &Stack, command: &Value) -> Result<(), TourError> {
    let reply = stack.invoke("admin", &json!({ "operator": command })).await?;
    if reply["status"] != 201 {
        return Err(TourError::Wrong(format!("{} is not connected: {reply}", command["name"])));
    }
    Ok(())
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
    let step = screen.step("five accounts of three vendors: a simulated year")?;
    let vendors = Vendors::start(options.seed, options.sizes())?;
    screen.done(step, "")?;
    for one in &vendors.stripe {
        let (charges, refunds, disputes, _) = one.simulator.account().counts();
        let what = format!(
            "{}, {}, {}",
            counted(charges, ["charge", "charges"]),
            counted(refunds, ["refund", "refunds"]),
            counted(disputes, ["dispute", "disputes"])
        );
        tell(screen, one.connection, &one.simulator.url(), &what)?;
    }
    let what = {
        let portal = vendors.hubspot.portal();
        let (contacts, deals) = (portal.contacts_truth().len(), portal.deals_truth().len());
        format!(
            "{}, {}",
            counted(contacts, ["contact", "contacts"]),
            counted(deals, ["deal", "deals"])
        )
    };
    tell(screen, "hubspot", &vendors.hubspot.url(), &what)?;
    for one in &vendors.calendars {
        let events = one.simulator.with(|calendar| calendar.present().len());
        let what = counted(events, ["calendar event", "calendar events"]);
        tell(screen, one.connection, &one.simulator.base_url(), &what)?;
    }
    Ok(vendors)
}

/// Starts the third party that decides transactions, and the client that is told.
fn decide(options: &Options, screen: &mut Screen) -> Result<Parties, TourError> {
    let parties = Parties::start(options.seed)?;
    let (party, client) = (parties.third_party.url(), parties.client.url());
    screen.say(&format!("         third party    decides transactions, at {party}"))?;
    screen.say(&format!("         its client     is told, at {client}"))?;
    Ok(parties)
}

/// Prints what an account has, and where.
fn tell(screen: &mut Screen, connection: &str, url: &str, what: &str) -> Result<(), TourError> {
    Ok(screen.say(&format!("         {connection:<14} {what}, at {url}"))?)
}

/// Deploys the stack. Real and simulated vendors differ only in secrets and parameters.
async fn deploy(
    local: &LocalStack,
    accounts: Option<&Accounts>,
    simulated: Option<(&Vendors, &Parties)>,
    kept: &Kept,
    database: &TestDatabase,
) -> Result<Stack, StackError> {
    let real = accounts.map(|accounts| (accounts.secrets.clone(), accounts.parameters.clone()));
    let simulated = || {
        simulated.map(|(vendors, parties)| {
            let parameters = [vendors.parameters(), parties.parameters()].concat();
            (parties.secrets(vendors.secrets()), parameters)
        })
    };
    let (mut secrets, mut parameters) = real.or_else(simulated).unwrap_or_default();
    parameters.push(("ArchiveBucketName", analytics::BUCKET.to_owned()));
    secrets.api_keys = Some(kept.key_secret.clone());
    let spec = StackSpec {
        name: STACK,
        database_url: &database.url(),
        secrets,
        in_place: true,
        lean: false,
        parameters,
    };
    Stack::deploy(local, &spec).await
}

impl Tour {
    /// Sends a fetch request for every entity of every connection that `mode` applies to, as
    /// `fetch` does for EventBridge's rules.
    pub(super) async fn request(&self, mode: Mode) -> Result<(), TourError> {
        self.request_of(mode, |_| true).await
    }

    /// As [`request`](Self::request), for some of the connections.
    async fn request_of(
        &self,
        mode: Mode,
        is_wanted: impl Fn(&Connection) -> bool,
    ) -> Result<(), TourError> {
        let wanted = self.connections.iter().filter(|connection| is_wanted(connection));
        let requests = wanted.flat_map(|connection| {
            let source = source::find(connection.source);
            let entities = source.map(|source| source.entities(mode)).unwrap_or_default();
            entities.iter().map(move |entity| FetchRequest::new(connection.name, entity, mode))
        });
        let bodies = requests.map(|request| serde_json::to_string(&request));
        let bodies = bodies.collect::<Result<Vec<_>, _>>().map_err(StackError::from)?;
        Ok(self.stack.fetch_requests().send(bodies).await?)
    }

    /// Posts new transactions. With real accounts it does nothing.
    pub(super) async fn post_transactions(&self, count: usize) -> Result<(), StackError> {
        if let Some(parties) = &self.parties {
            for _ in 0..count {
                parties.post(&self.gateway, &self.ingest_key).await?;
            }
        }
        Ok(())
    }

    /// Delivers the third party's call-backs that are due.
    pub(super) async fn call_back(&self) {
        if let Some(parties) = &self.parties {
            parties.call_back(&self.gateway).await;
        }
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

    /// Opens another connection to the database, as its owner.
    pub(super) async fn client(&self) -> Client {
        self.database.client().await
    }

    /// Returns the connection to the database.
    pub(super) fn sql(&self) -> Arc<Client> {
        Arc::clone(&lock(&self.sql))
    }

    /// Connects again if the connection is lost, such as after a restart of Postgres.
    ///
    /// # Errors
    ///
    /// [`StackError::Database`] if Postgres cannot be reached.
    pub(super) async fn reconnect(&self) -> Result<(), StackError> {
        if self.sql().is_closed() {
            let (client, connection) = connect(&self.database.url(), NoTls).await?;
            // Its error is that of the next query, too.
            tokio::spawn(async move { drop(connection.await) });
            *lock(&self.sql) = Arc::new(client);
        }
        Ok(())
    }

    /// Returns the commands to try.
    pub(super) fn links(&self) -> Vec<String> {
        links(self.gateway.url(), &self.key, &self.ingest_key, &self.console)
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
