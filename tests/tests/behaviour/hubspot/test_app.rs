//! A test app that pulls a HubSpot portal, and the comparison of our tables with the portal's
//! truth.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use fetch::{FetchError, Outcome};
use penstock_domain::clock::Clock;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_tests::simulators::hubspot::{
    ContactTruth, DEFAULT_TOKEN, DealTruth, HubSpotPortal, HubSpotSimulator, Kind,
};
use penstock_tests::simulators::stripe::{self, AccountSpec};
use penstock_tests::test_app::TestApp;
use penstock_tests::truth::{self, assert_nothing_left};

/// The time at which these tests begin: 2026-06-01T00:00:00Z.
pub const NOW: i64 = 1_780_272_000;

/// The same in milliseconds.
pub const NOW_MS: i64 = NOW * 1_000;

pub struct HubSpotTestApp {
    pub app: TestApp,
    pub hubspot: Arc<HubSpotSimulator>,
}

impl HubSpotTestApp {
    pub async fn over(portal: HubSpotPortal) -> Self {
        Self::with_settings(portal, &[]).await
    }

    pub async fn with_settings(portal: HubSpotPortal, settings: &[(&str, &str)]) -> Self {
        Self::beginning(NOW, portal, settings).await
    }

    /// Makes a portal of `contacts` and `deals`, at another time.
    pub async fn at(
        now: i64,
        seed: u64,
        contacts: usize,
        deals: usize,
        settings: &[(&str, &str)],
    ) -> Self {
        Self::beginning(now, HubSpotPortal::new(seed, contacts, deals, now * 1_000), settings).await
    }

    async fn beginning(now: i64, portal: HubSpotPortal, settings: &[(&str, &str)]) -> Self {
        let hubspot = Arc::new(HubSpotSimulator::start(portal).unwrap());
        let url = hubspot.url();
        let own = [
            ("HUBSPOT_BASE_URL", url.as_str()),
            ("HUBSPOT_TOKEN", DEFAULT_TOKEN),
            ("HUBSPOT_CURRENCY", "EUR"),
        ];
        let settings: Vec<_> = own.into_iter().chain(settings.iter().copied()).collect();
        let stripe =
            stripe::StripeAccount::new(AccountSpec::between(1, 1, now - 86_400, now).at(now));
        let app = TestApp::with_settings(stripe, &settings).await;
        let clock = app.clock.clone();
        hubspot.follow(move || clock.now().as_millisecond());
        Self { app, hubspot }
    }

    pub async fn fetch_within(
        &self,
        entity: &str,
        mode: Mode,
        time: Duration,
    ) -> Result<Outcome, FetchError> {
        let deadline = self.app.clock.now() + time + fetch::MARGIN;
        self.app.fetch.serve(&FetchRequest::new("hubspot", entity, mode), deadline).await
    }

    pub async fn fetch(&self, entity: &str, mode: Mode) -> Result<Outcome, FetchError> {
        self.fetch_within(entity, mode, Duration::from_secs(86_400)).await
    }

    /// Runs both entities, and works everything off.
    pub async fn run(&self, mode: Mode) {
        for entity in ["contact", "deal"] {
            let request = FetchRequest::new("hubspot", entity, mode);
            let outcome = self.app.serve_to_end(&request).await.unwrap();
            assert!(matches!(outcome, Outcome::Finished { .. }), "{entity}: {outcome:?}");
        }
        self.app.drain().await;
    }

    /// Advances the clock by this number of seconds.
    pub fn wait(&self, seconds: u64) {
        self.app.clock.advance(Duration::from_secs(seconds));
    }

    /// Asserts that our tables are the portal's truth.
    pub async fn assert_true(&self) {
        truth::hubspot::assert_true(&self.app.db, &self.hubspot).await;
        assert_nothing_left(&self.app.db).await;
    }

    /// Reads our contacts. One that is gone has only that, and the contact that it was merged into.
    pub async fn contacts(&self) -> BTreeMap<String, ContactTruth> {
        truth::hubspot::contacts(&self.app.db.client().await).await.unwrap()
    }

    /// Reads our deals that count, each with its status.
    pub async fn deals(&self) -> BTreeMap<String, (DealTruth, String)> {
        truth::hubspot::deals(&self.app.db.client().await).await.unwrap()
    }
}

/// Makes a portal of this number of contacts and deals.
pub fn portal(seed: u64, contacts: usize, deals: usize) -> HubSpotPortal {
    HubSpotPortal::new(seed, contacts, deals, NOW_MS)
}

/// Returns one live object of a kind.
pub fn some(test: &HubSpotTestApp, kind: Kind, n: usize) -> u64 {
    test.hubspot.portal().live(kind)[n]
}
