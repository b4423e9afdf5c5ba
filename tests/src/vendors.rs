//! All that is pulled, simulated: an account, a portal and a calendar, which go by the real time. What a stack makes of
//! them is compared with their own truth.

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

/// Days of the simulated history.
pub const YEAR_DAYS: i64 = 365;

const DAY_SECONDS: i64 = 24 * 60 * 60;

/// Requests a second to the simulated Stripe: what it allows a live account, where the template is modest.
const STRIPE_RATE: u32 = 100;

/// Requests a second to the simulated HubSpot: what it takes of a private app (190 in ten seconds), without the room
/// that the template leaves for searches.
const HUBSPOT_RATE: u32 = 19;

/// What signs the portal's webhooks.
const HUBSPOT_SECRET: &str = "the secret of the portal's app";

/// How much there is of everything.
#[derive(Debug, Clone, Copy)]
pub struct Sizes {
    /// Charges of the year; refunds and disputes come with them.
    pub charges: u32,
    /// Contacts of the portal.
    pub contacts: usize,
    /// Its deals.
    pub deals: usize,
    /// Events of the calendar, at least.
    pub events: usize,
}

/// Three vendors, which listen on loopback until they are dropped.
pub struct Vendors {
    /// The account.
    pub stripe: StripeSimulator,
    /// The portal.
    pub hubspot: HubSpotSimulator,
    /// The calendar.
    pub google: GoogleCalendarSimulator,
}

impl Vendors {
    /// The sources that they are.
    pub const SOURCES: [&str; 3] = ["stripe", "hubspot", "gcal"];

    /// Starts them on free ports, with a year that ends now.
    ///
    /// # Errors
    /// Where no port can be had.
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

    /// The keys that they take.
    #[must_use]
    pub fn secrets(&self) -> Secrets {
        Secrets {
            stripe_key: Some(self.stripe.key()),
            stripe_webhook: None,
            hubspot_token: Some(DEFAULT_TOKEN.to_owned()),
            hubspot_webhook: Some(HUBSPOT_SECRET.to_owned()),
            gcal_account: Some(self.google.key_file()),
            gcal_channel: None,
        }
    }

    /// Where they are, as the template's parameters. Where tokens are to be had the key file says.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        vec![
            ("StripeBaseUrl", self.stripe.url()),
            ("StripeRatePerSecond", STRIPE_RATE.to_string()),
            // A single year of a busy account: by the month its progress would be a staircase of twelve steps.
            ("StripeWindowDays", "7".to_owned()),
            ("HubSpotBaseUrl", self.hubspot.url()),
            ("HubSpotRatePerSecond", HUBSPOT_RATE.to_string()),
            ("GcalBaseUrl", self.google.base_url()),
            ("GcalCalendarId", CALENDAR_ID.to_owned()),
        ]
    }

    /// Sends what Stripe pushes of its events, each in a request of its own.
    ///
    /// # Errors
    /// [`StackError::Status`] where a request is answered with anything but 200.
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

    /// Sends what the portal pushes of changes, signed as HubSpot signs: over the URL with `https`.
    ///
    /// # Errors
    /// [`StackError::Status`] where a request is answered with anything but 200.
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
    /// Postgres' own.
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

    /// What the portal's deals that are won come to, in minor units by currency.
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

/// What stands here of one kind of object, against what is true.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compared {
    /// The kind.
    pub what: &'static str,
    /// How many there are here.
    pub there: usize,
    /// The ids of those that are not what they should be, here or there.
    pub different: Vec<String>,
}

fn different<T: PartialEq>(ours: &BTreeMap<String, T>, due: &BTreeMap<String, T>) -> Vec<String> {
    let wrong = due.iter().filter(|(id, row)| ours.get(*id) != Some(row));
    let too_many = ours.iter().filter(|(id, _)| !due.contains_key(*id));
    wrong.chain(too_many).map(|(id, _)| id.clone()).collect()
}
