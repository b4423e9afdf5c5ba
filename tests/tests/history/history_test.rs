//! The three vendors, the database and the queues.

use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_testkit::TestDatabase;
use penstock_tests::clock::ShiftedClock;
use penstock_tests::fake_aws::FakeAws;
use penstock_tests::simulators::gcal::{CALENDAR_ID, GoogleCalendarSimulator};
use penstock_tests::simulators::hubspot::{DEFAULT_TOKEN, HubSpotPortal, HubSpotSimulator, Kind};
use penstock_tests::simulators::stripe::{AccountSpec, StripeAccount, StripeSimulator};

/// Stripe's and HubSpot's clocks begin this many seconds behind ours. `fetch` uses the real time,
/// and an object must become old enough for it without a long wait. It is less than the time that
/// incremental runs look back.
const STRIPE_BEHIND: i64 = 250;
const HUBSPOT_BEHIND: i64 = 500;

/// The longest time, in seconds, that Stripe hides an object made during the run.
const LATE: i64 = 20;

/// The objects before the first run. Refunds and disputes follow from the charges.
#[derive(Clone, Copy)]
pub struct Size {
    pub charges: u32,
    pub contacts: usize,
    pub deals: usize,
    pub events: usize,
    /// Objects of all kinds after the last run, at least.
    pub at_least: usize,
    /// Objects per page of Stripe, HubSpot and Google Calendar. Each source needs some twenty
    /// pages, or planned faults do not happen.
    pub pages: [&'static str; 3],
}

pub struct HistoryTest {
    pub db: TestDatabase,
    pub stripe: StripeSimulator,
    pub hubspot: HubSpotSimulator,
    pub google: GoogleCalendarSimulator,
    pub aws: FakeAws,
    portals_clock: ShiftedClock,
    size: Size,
}

impl HistoryTest {
    pub async fn build(seed: u64, size: Size) -> Self {
        let now = SystemClock.now();
        let (from, to) = (now.as_second() - 90 * 86_400, now.as_second() - 3_600);
        let spec = AccountSpec {
            late_seconds: LATE,
            ..AccountSpec::between(seed, size.charges, from, to)
        };
        let stripe = StripeSimulator::start(StripeAccount::new(spec)).unwrap();
        stripe.advance(-STRIPE_BEHIND);
        let portals_clock = ShiftedClock::by(-HUBSPOT_BEHIND);
        let portal = HubSpotPortal::new(
            seed,
            size.contacts,
            size.deals,
            portals_clock.now().as_millisecond(),
        );
        let hubspot = HubSpotSimulator::start(portal).unwrap();
        let clock = portals_clock.clone();
        hubspot.follow(move || clock.now().as_millisecond());
        let google = GoogleCalendarSimulator::start(seed, size.events, now);
        google.follow(|| SystemClock.now());
        let (db, aws) = (TestDatabase::new().await, FakeAws::start().await);
        Self { db, stripe, hubspot, google, aws, portals_clock, size }
    }

    /// Returns the number of objects that the vendors have.
    pub fn objects(&self) -> usize {
        let (charges, refunds, disputes, _) = self.stripe.account().counts();
        let portal = self.hubspot.portal();
        let objects = portal.contacts_truth().len() + portal.deals_truth().len();
        charges + refunds + disputes + objects + self.google.with(|calendar| calendar.truth().len())
    }

    /// Makes all that has come two hours older, which is more than any vendor's list lags. `fetch`
    /// uses the real clock, and an object that came a moment ago counts as shown.
    pub async fn hours_pass(&self) {
        let sql = "update outbox set received_at = received_at - interval '2 hours'; \
                   update calendar_events set version_at = version_at - interval '2 hours'; \
                   update contacts set version_at = version_at - interval '2 hours'; \
                   update payments set version_at = version_at - interval '2 hours' where source = 'hubspot'";
        self.db.client().await.batch_execute(sql).await.unwrap();
    }

    /// Changes the vendors between the first runs and the next. An import changes the first
    /// `imported` contacts at once. Google cancels events, forgets their tombstones, and expires
    /// its sync tokens.
    pub fn meanwhile(&self, imported: usize) {
        self.hubspot.portal().edit_at_once(Kind::Contact, imported);
        self.hubspot.portal().change(50);
        self.stripe.change(200);
        self.stripe.advance(LATE + 1);
        // Longer than HubSpot's index lags.
        self.portals_clock.advance(10);
        self.google.with(|calendar| calendar.cancel_and_forget(200));
        self.google.expire_sync_tokens();
        self.google.with(|calendar| calendar.change(60));
    }

    /// Purges some objects, and advances the clocks until everything late is visible.
    pub fn later(&self) {
        self.stripe.advance(LATE + 1);
        for kind in [Kind::Contact, Kind::Deal] {
            let mut portal = self.hubspot.portal();
            let ids = portal.live(kind);
            ids.iter().step_by(97).for_each(|id| portal.purge(kind, *id));
        }
        self.portals_clock.advance(3 * HUBSPOT_BEHIND);
    }

    /// Returns the settings of `fetch` over this database.
    pub fn settings(&self, database_url: String) -> Vec<(&'static str, String)> {
        let pages = self.size.pages;
        let own = [
            ("DATABASE_URL", database_url),
            ("STRIPE_BASE_URL", self.stripe.url()),
            ("STRIPE_API_KEY", self.stripe.key()),
            ("STRIPE_RATE_PER_SECOND", "10000".to_owned()),
            ("STRIPE_TIMEOUT_SECONDS", "3".to_owned()),
            ("STRIPE_PAGE_SIZE", pages[0].to_owned()),
            // Ten windows, of which several may be paged at once.
            ("STRIPE_WINDOW_DAYS", "9".to_owned()),
            ("STRIPE_CONCURRENCY", "4".to_owned()),
            ("HUBSPOT_BASE_URL", self.hubspot.url()),
            ("HUBSPOT_TOKEN", DEFAULT_TOKEN.to_owned()),
            ("HUBSPOT_RATE_PER_SECOND", "10000".to_owned()),
            ("HUBSPOT_TIMEOUT_SECONDS", "3".to_owned()),
            ("HUBSPOT_PAGE_SIZE", pages[1].to_owned()),
            ("GCAL_BASE_URL", self.google.base_url()),
            ("GCAL_SERVICE_ACCOUNT", self.google.key_file()),
            ("GCAL_CALENDAR_ID", CALENDAR_ID.to_owned()),
            ("GCAL_RATE_PER_SECOND", "10000".to_owned()),
            ("GCAL_TIMEOUT_SECONDS", "3".to_owned()),
            ("GCAL_PAGE_SIZE", pages[2].to_owned()),
        ];
        self.aws.environment().into_iter().chain(own).collect()
    }
}
