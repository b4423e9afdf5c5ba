//! A test app that pulls a Google calendar, and the comparison of our rows with the calendar's
//! truth.

use std::time::Duration;

use fetch::{FetchError, Outcome};
use jiff::Timestamp;
use penstock_domain::clock::Clock as _;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_tests::simulators::gcal::{CALENDAR_ID, GoogleCalendarSimulator};
use penstock_tests::simulators::stripe::{AccountSpec, StripeAccount};
use penstock_tests::test_app::{CHANNEL_SECRET, TestApp};
use penstock_tests::truth::{assert_nothing_left, gcal};

/// The clocks in these tests: 2026-06-01T00:00:00Z.
const NOW: i64 = 1_780_272_000;

/// A time before everything that a function's binary does, which uses the real clock.
pub const LONG_AGO: i64 = 1_600_000_000;

/// The app and the calendar that it pulls. The calendar uses the app's clock.
pub struct GcalTestApp {
    pub app: TestApp,
    pub google: GoogleCalendarSimulator,
}

pub const WEBHOOK_URL: &str = "https://penstock.example/webhooks/gcal";

impl GcalTestApp {
    /// Makes a calendar with `events` events, in pages of 50.
    pub async fn with(seed: u64, events: usize) -> Self {
        Self::with_settings(seed, events, &[]).await
    }

    pub async fn with_settings(seed: u64, events: usize, settings: &[(&str, &str)]) -> Self {
        Self::at(NOW, seed, events, settings).await
    }

    async fn at(now: i64, seed: u64, events: usize, settings: &[(&str, &str)]) -> Self {
        let google =
            GoogleCalendarSimulator::start(seed, events, Timestamp::from_second(now).unwrap());
        let (base_url, key_file) = (google.base_url(), google.key_file());
        let own = [
            ("GCAL_BASE_URL", base_url.as_str()),
            ("GCAL_SERVICE_ACCOUNT", &key_file),
            ("GCAL_CALENDAR_ID", CALENDAR_ID),
            ("GCAL_PAGE_SIZE", "50"),
            ("GCAL_RATE_PER_SECOND", "1000"),
            ("GCAL_WEBHOOK_URL", WEBHOOK_URL),
            ("GCAL_CHANNEL_SECRET", CHANNEL_SECRET),
        ];
        let settings: Vec<_> = own.into_iter().chain(settings.iter().copied()).collect();
        let account = StripeAccount::new(AccountSpec::between(seed, 0, now - 86_400, now).at(now));
        let app = TestApp::with_settings(account, &settings).await;
        let clock = app.clock.clone();
        google.follow(move || clock.now());
        Self { app, google }
    }

    pub async fn fetch(&self, mode: Mode) -> Result<Outcome, FetchError> {
        self.serve(&FetchRequest::new("gcal", "event", mode), Duration::from_secs(86_400)).await
    }

    pub async fn serve(
        &self,
        request: &FetchRequest,
        time: Duration,
    ) -> Result<Outcome, FetchError> {
        let deadline = self.app.clock.now() + time + fetch::MARGIN;
        self.app.fetch.serve(request, deadline).await
    }

    /// Runs a full run, and works everything off.
    pub async fn filled(seed: u64, events: usize) -> Self {
        Self::filled_at(NOW, seed, events).await
    }

    /// The same, filled at another time.
    pub async fn filled_at(now: i64, seed: u64, events: usize) -> Self {
        let test = Self::at(now, seed, events, &[]).await;
        test.fetch(Mode::Full).await.unwrap();
        test.app.drain().await;
        test.assert_true().await;
        test
    }

    /// Makes `n` changes, some seconds after everything before.
    pub fn change(&self, n: usize) {
        self.app.clock.advance(Duration::from_secs(5));
        self.google.with(|calendar| calendar.change(n));
        self.app.clock.advance(Duration::from_secs(5));
    }

    /// Asserts that our rows are the calendar's truth, event by event, and that no row is pending
    /// or dead.
    pub async fn assert_true(&self) {
        gcal::assert_true(&self.app.db, &self.google).await;
        assert_nothing_left(&self.app.db).await;
    }

    /// Returns the sync token with which the next incremental run begins.
    pub async fn cursor(&self) -> Option<String> {
        let sql = "select coalesce((select cursor from sync_state where source = 'gcal' and mode = 'incremental'), '')";
        Some(self.app.db.scalar::<String>(sql).await).filter(|cursor| !cursor.is_empty())
    }
}
