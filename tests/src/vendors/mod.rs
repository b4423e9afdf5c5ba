//! The simulated vendors: two Stripe accounts, a portal and two calendars, on the real clock. A
//! stack's tables are compared with the vendors' own truth.

mod comparing;
mod pushing;

use std::io;

use jiff::Timestamp;
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use serde_json::{Value, json};

use crate::simulators::gcal::{CALENDAR_ID, GoogleCalendarSimulator};
use crate::simulators::hubspot::{DEFAULT_TOKEN, HubSpotPortal, HubSpotSimulator};
use crate::simulators::stripe::{AccountSpec, Currency, StripeAccount, StripeSimulator};
use crate::stack::{Secrets, WEBHOOK_SECRET};

pub use comparing::Compared;

/// The days of the simulated history.
pub const YEAR_DAYS: i64 = 365;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Requests per second to a simulated Stripe: Stripe's limit for a live account. The template's
/// default is lower.
const STRIPE_RATE: u32 = 100;

/// Requests per second to the simulated HubSpot: the limit of a private app (190 in ten seconds).
/// The template's default leaves room for searches.
const HUBSPOT_RATE: u32 = 19;

/// The secret that signs the portal's webhooks.
const HUBSPOT_SECRET: &str = "the secret of the portal's app";

/// The connection of the second Stripe account, which is made while the stack runs.
const STRIPE_EU: &str = "stripe-eu";

/// Another key than the first account's, so that a pull with the wrong one gets a 401.
const STRIPE_EU_KEY: &str = "sk_test_penstock_eu";

/// Another secret than the first account's, so that a webhook of the wrong one is refused.
const STRIPE_EU_SECRET: &str = "whsec_of_the_second_account";

/// The connection of the second calendar, which is made while the stack runs.
const TEAM_CALENDAR: &str = "team-calendar";

const TEAM_CALENDAR_ID: &str = "team#2@group.calendar.google.com";

/// The second account has a charge, and the second calendar an event, for this many of the first.
const SMALLER: u8 = 8;

/// The sizes of the portal and of the first account and calendar. The second ones have an eighth.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Charges of the year. Refunds and disputes come in addition.
    pub charges: u32,
    pub contacts: usize,
    pub deals: usize,
    /// Calendar events, at least.
    pub events: usize,
}

/// The name of a connection, and its vendor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connection {
    pub name: &'static str,
    pub source: &'static str,
}

impl Connection {
    /// Returns the connection that the template declares for a source.
    #[must_use]
    pub const fn declared(source: &'static str) -> Self {
        Self { name: source, source }
    }

    /// Whether the template declares it.
    #[must_use]
    pub fn is_declared(&self) -> bool {
        self.name == self.source
    }
}

/// A simulated account or calendar, and the connection that reads it.
pub struct Account<S> {
    pub connection: &'static str,
    pub simulator: S,
}

/// The accounts of three vendors, which listen on loopback until they are dropped.
pub struct Vendors {
    /// They have no currency in common. The second one's is the euro.
    pub stripe: [Account<StripeSimulator>; 2],
    pub hubspot: HubSpotSimulator,
    pub calendars: [Account<GoogleCalendarSimulator>; 2],
}

impl Vendors {
    /// The sources of the connections that the template declares.
    pub const SOURCES: [&str; 3] = ["stripe", "hubspot", "gcal"];

    /// The connections that read the five accounts.
    pub const CONNECTIONS: [Connection; 5] = [
        Connection::declared("stripe"),
        Connection { name: STRIPE_EU, source: "stripe" },
        Connection::declared("hubspot"),
        Connection::declared("gcal"),
        Connection { name: TEAM_CALENDAR, source: "gcal" },
    ];

    /// Starts the vendors on free ports, with a history of a year that ends now.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn start(seed: u64, sizes: Sizes) -> io::Result<Self> {
        let (now, second) = (SystemClock.now(), seed.wrapping_add(1));
        let rest = Currency::ALL.into_iter().filter(|currency| *currency != Currency::Eur);
        let stripe = [
            account("stripe", seed, sizes.charges, rest.collect(), now)?,
            account(
                STRIPE_EU,
                second,
                sizes.charges / u32::from(SMALLER),
                vec![Currency::Eur],
                now,
            )?,
        ];
        stripe[1].simulator.set_key(STRIPE_EU_KEY);
        let portal = HubSpotPortal::new(seed, sizes.contacts, sizes.deals, now.as_millisecond());
        let hubspot = HubSpotSimulator::start(portal)?;
        hubspot.follow(|| SystemClock.now().as_millisecond());
        let calendars = [
            calendar("gcal", CALENDAR_ID, seed, sizes.events, now),
            calendar(
                TEAM_CALENDAR,
                TEAM_CALENDAR_ID,
                second,
                sizes.events / usize::from(SMALLER),
                now,
            ),
        ];
        Ok(Self { stripe, hubspot, calendars })
    }

    /// Returns the keys that the vendors of the declared connections accept.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        let ([stripe, _], [calendar, _]) = (&self.stripe, &self.calendars);
        Secrets {
            stripe_key: Some(stripe.simulator.key()),
            stripe_webhook: None,
            hubspot_token: Some(DEFAULT_TOKEN.to_owned()),
            hubspot_webhook: Some(HUBSPOT_SECRET.to_owned()),
            gcal_account: Some(calendar.simulator.key_file()),
            ..Secrets::default()
        }
    }

    /// Returns the URLs and settings of the declared connections as parameters of the template. The
    /// URL of Google's token endpoint is in the key file.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let ([stripe, _], [calendar, _]) = (&self.stripe, &self.calendars);
        vec![
            ("StripeBaseUrl", stripe.simulator.url()),
            ("StripeRatePerSecond", STRIPE_RATE.to_string()),
            // A window of a week: by the month, the progress bar of a single busy year would have
            // twelve steps.
            ("StripeWindowDays", "7".to_owned()),
            ("HubSpotBaseUrl", self.hubspot.url()),
            ("HubSpotRatePerSecond", HUBSPOT_RATE.to_string()),
            ("GcalBaseUrl", calendar.simulator.base_url()),
            ("GcalCalendarId", calendar.simulator.calendar_id()),
        ]
    }

    /// Returns the commands that connect the second account and the second calendar, as the
    /// function `admin` takes them from an operator.
    #[must_use]
    pub fn commands(&self) -> [Value; 2] {
        let ([_, stripe], [_, calendar]) = (&self.stripe, &self.calendars);
        let stripe_eu = json!({
            "source": "stripe",
            "key": stripe.simulator.key(),
            "signingSecrets": [STRIPE_EU_SECRET],
            "settings": {"base_url": stripe.simulator.url()},
        });
        let team_calendar = json!({
            "source": "gcal",
            "key": calendar.simulator.key_file(),
            "settings": {
                "base_url": calendar.simulator.base_url(),
                "calendar_id": calendar.simulator.calendar_id(),
            },
        });
        [(stripe.connection, stripe_eu), (calendar.connection, team_calendar)].map(
            |(name, connection)| json!({"do": "connect", "name": name, "connection": connection}),
        )
    }
}

fn account(
    connection: &'static str,
    seed: u64,
    charges: u32,
    currencies: Vec<Currency>,
    now: Timestamp,
) -> io::Result<Account<StripeSimulator>> {
    let (from, to) = (now.as_second() - YEAR_DAYS * DAY_SECONDS, now.as_second());
    let spec = AccountSpec { currencies, ..AccountSpec::between(seed, charges, from, to) };
    Ok(Account { connection, simulator: StripeSimulator::start(StripeAccount::new(spec))? })
}

fn calendar(
    connection: &'static str,
    id: &str,
    seed: u64,
    events: usize,
    now: Timestamp,
) -> Account<GoogleCalendarSimulator> {
    let simulator = GoogleCalendarSimulator::start_called(id, seed, events, now);
    simulator.follow(|| SystemClock.now());
    Account { connection, simulator }
}

/// Returns the secret that signs the webhooks of a connection of Stripe's.
fn signing_secret(connection: &str) -> &'static str {
    if connection == STRIPE_EU { STRIPE_EU_SECRET } else { WEBHOOK_SECRET }
}
