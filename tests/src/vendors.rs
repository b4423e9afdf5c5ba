//! The three simulated vendors: an account, a portal and a calendar, on the real clock. A stack's
//! tables are compared with the vendors' own truth.

use std::collections::BTreeMap;
use std::io;

use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use tokio_postgres::Client;

use crate::simulators::gcal::{CALENDAR_ID, GoogleCalendarSimulator};
use crate::simulators::hubspot::{
    Change, DEFAULT_TOKEN, DealTruth, HubSpotPortal, HubSpotSimulator, push_bodies, sign_v3,
};
use crate::simulators::stripe::{AccountSpec, Emitted, StripeAccount, StripeSimulator, sign};
use crate::stack::{Gateway, Reply, Secrets, StackError, WEBHOOK_SECRET};
use crate::truth::{gcal, hubspot};

/// The days of the simulated history.
pub const YEAR_DAYS: i64 = 365;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Requests per second to the simulated Stripe: Stripe's limit for a live account. The template's
/// default is lower.
const STRIPE_RATE: u32 = 100;

/// Requests per second to the simulated HubSpot: the limit of a private app (190 in ten seconds).
/// The template's default leaves room for searches.
const HUBSPOT_RATE: u32 = 19;

/// The secret that signs the portal's webhooks.
const HUBSPOT_SECRET: &str = "the secret of the portal's app";

/// The size of each simulated vendor.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Charges of the year. Refunds and disputes come in addition.
    pub charges: u32,
    pub contacts: usize,
    pub deals: usize,
    /// Calendar events, at least.
    pub events: usize,
}

/// Three vendors that listen on loopback until they are dropped.
pub struct Vendors {
    pub stripe: StripeSimulator,
    pub hubspot: HubSpotSimulator,
    pub google: GoogleCalendarSimulator,
}

impl Vendors {
    /// The sources of the three vendors.
    pub const SOURCES: [&str; 3] = ["stripe", "hubspot", "gcal"];

    /// Starts the vendors on free ports, with a history of a year that ends now.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn start(seed: u64, sizes: Sizes) -> io::Result<Self> {
        let now = SystemClock.now();
        let (from, to) = (now.as_second() - YEAR_DAYS * DAY_SECONDS, now.as_second());
        let stripe = StripeSimulator::start(StripeAccount::new(AccountSpec::between(
            seed,
            sizes.charges,
            from,
            to,
        )))?;
        let portal = HubSpotPortal::new(seed, sizes.contacts, sizes.deals, now.as_millisecond());
        let hubspot = HubSpotSimulator::start(portal)?;
        hubspot.follow(|| SystemClock.now().as_millisecond());
        let google = GoogleCalendarSimulator::start(seed, sizes.events, now);
        google.follow(|| SystemClock.now());
        Ok(Self { stripe, hubspot, google })
    }

    /// Returns the keys that the vendors accept.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        Secrets {
            stripe_key: Some(self.stripe.key()),
            stripe_webhook: None,
            hubspot_token: Some(DEFAULT_TOKEN.to_owned()),
            hubspot_webhook: Some(HUBSPOT_SECRET.to_owned()),
            gcal_account: Some(self.google.key_file()),
            gcal_channel: None,
            api_keys: None,
        }
    }

    /// Returns the vendors' URLs and settings as parameters of the template. The URL of Google's
    /// token endpoint is in the key file.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![
            ("StripeBaseUrl", self.stripe.url()),
            ("StripeRatePerSecond", STRIPE_RATE.to_string()),
            // A window of a week: by the month, the progress bar of a single busy year would have
            // twelve steps.
            ("StripeWindowDays", "7".to_owned()),
            ("HubSpotBaseUrl", self.hubspot.url()),
            ("HubSpotRatePerSecond", HUBSPOT_RATE.to_string()),
            ("GcalBaseUrl", self.google.base_url()),
            ("GcalCalendarId", CALENDAR_ID.to_owned()),
        ]
    }

    /// Sends Stripe's webhooks for `events`, each in a request of its own.
    ///
    /// # Errors
    ///
    /// [`StackError::Status`] if a reply has a status other than 200.
    pub async fn push_stripe(
        &self,
        events: &[Emitted],
        gateway: &Gateway,
    ) -> Result<(), StackError> {
        for event in events {
            let signature =
                sign(&[WEBHOOK_SECRET], SystemClock.now().as_second(), event.body.as_bytes());
            let headers =
                [("Content-Type", "application/json"), ("Stripe-Signature", signature.as_str())];
            post(gateway, "/webhooks/stripe", &headers, event.body.clone()).await?;
        }
        Ok(())
    }

    /// Sends the portal's webhooks for `changes`. The signature covers the URL with `https`, as
    /// HubSpot's does.
    ///
    /// # Errors
    ///
    /// [`StackError::Status`] if a reply has a status other than 200.
    pub async fn push_hubspot(
        &self,
        changes: &[Change],
        gateway: &Gateway,
    ) -> Result<(), StackError> {
        const PATH: &str = "/webhooks/hubspot";
        let uri = format!("{}{PATH}", gateway.url().replacen("http:", "https:", 1));
        for body in push_bodies(changes) {
            let now = SystemClock.now().as_millisecond();
            let signature = sign_v3(HUBSPOT_SECRET, "POST", &uri, body.as_bytes(), now);
            let timestamp = now.to_string();
            let headers = [
                ("Content-Type", "application/json"),
                ("X-HubSpot-Signature-v3", signature.as_str()),
                ("X-HubSpot-Request-Timestamp", timestamp.as_str()),
            ];
            post(gateway, PATH, &headers, body).await?;
        }
        Ok(())
    }

    /// Compares contacts, deals and calendar events one by one, every field.
    ///
    /// # Errors
    ///
    /// [`StackError::Database`] if Postgres refuses a query or cannot be reached.
    pub async fn compare(&self, on: &Client) -> Result<[Compared; 3], StackError> {
        let (contacts, deals) = (hubspot::contacts(on).await?, hubspot::deals(on).await?);
        let events = gcal::events(on, CALENDAR_ID).await?;
        let (true_contacts, true_deals) = {
            let portal = self.hubspot.portal();
            (hubspot::contacts_due(&portal, &contacts), hubspot::deals_due(&portal))
        };
        let calendar = self.google.with(|calendar| calendar.truth());
        let live = |there: usize, different: Vec<String>, what| Compared { what, there, different };
        Ok([
            live(
                contacts.values().filter(|row| !row.deleted).count(),
                different(&contacts, &true_contacts),
                "contacts",
            ),
            live(deals.len(), different(&deals, &true_deals), "deals"),
            live(
                events.values().filter(|row| row.1.is_some()).count(),
                gcal::different(&events, &calendar),
                "calendar events",
            ),
        ])
    }

    /// Sums the portal's won deals, in minor units by currency.
    #[must_use]
    pub fn won(&self) -> BTreeMap<String, i128> {
        let mut sums = BTreeMap::new();
        for (DealTruth { amount, currency, .. }, status) in
            hubspot::deals_due(&self.hubspot.portal()).into_values()
        {
            if status == "collected" {
                *sums.entry(currency).or_default() += i128::from(amount);
            }
        }
        sums
    }
}

async fn post(
    gateway: &Gateway,
    path: &str,
    headers: &[(&str, &str)],
    body: String,
) -> Result<(), StackError> {
    let Reply { status, body, .. } = gateway.post(path, headers, body).await?;
    if status == 200 {
        Ok(())
    } else {
        Err(StackError::Status { path: path.to_owned(), status, body })
    }
}

/// The comparison of one kind of object with the truth.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    pub what: &'static str,
    /// The number of our live rows.
    pub there: usize,
    /// The ids of objects that are wrong, missing or surplus in our tables.
    pub different: Vec<String>,
}

fn different<T: PartialEq>(ours: &BTreeMap<String, T>, due: &BTreeMap<String, T>) -> Vec<String> {
    let wrong = due.iter().filter(|(id, row)| ours.get(*id) != Some(row));
    let too_many = ours.iter().filter(|(id, _)| !due.contains_key(*id));
    wrong.chain(too_many).map(|(id, _)| id.clone()).collect()
}
