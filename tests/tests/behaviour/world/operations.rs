//! The operations, and how often each is drawn.

use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jiff::{SignedDuration, Timestamp};
use penstock_domain::clock::Clock as _;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_tests::simulators::gcal::{CALENDAR_ID, Fault, GoogleCalendarSimulator};
use penstock_tests::simulators::hubspot::{DEFAULT_TOKEN, HubSpotPortal, HubSpotSimulator, Kind};
use penstock_tests::simulators::stripe::{AccountSpec, StripeAccount};
use penstock_tests::test_app::TestApp;
use tokio::sync::oneshot;

/// The time at which a world begins: 2026-06-01T00:00:00Z.
const NOW: i64 = 1_780_272_000;

/// The requests to the calendar.
const EVENTS: &str = "/calendar/v3/calendars";

/// Every pull.
pub const PULLS: [(&str, &str, &[Mode]); 7] = [
    ("stripe", "event", &[Mode::Incremental]),
    ("stripe", "charge", &[Mode::Full, Mode::Reconcile]),
    ("stripe", "refund", &[Mode::Full, Mode::Reconcile]),
    ("stripe", "dispute", &[Mode::Full, Mode::Reconcile]),
    ("hubspot", "contact", &[Mode::Incremental, Mode::Full]),
    ("hubspot", "deal", &[Mode::Incremental, Mode::Full]),
    ("gcal", "event", &[Mode::Incremental, Mode::Full]),
];

/// The functions, the three vendors, and what is drawn.
pub struct World {
    pub app: TestApp,
    pub hubspot: Arc<HubSpotSimulator>,
    pub google: GoogleCalendarSimulator,
    /// Stripe's key that the functions have.
    pub key: String,
    rng: Rng,
    /// Objects in the recycling bin.
    archived: Vec<(Kind, u64)>,
}

impl World {
    /// Makes a world, and pulls everything once.
    pub async fn new(seed: u64) -> Self {
        let now = Timestamp::from_second(NOW).unwrap();
        let portal = HubSpotPortal::new(seed, 40, 40, NOW * 1_000);
        let hubspot = Arc::new(HubSpotSimulator::start(portal).unwrap());
        let google = GoogleCalendarSimulator::start(seed, 60, now);
        let (hubspot_url, google_url, key_file) =
            (hubspot.url(), google.base_url(), google.key_file());
        let settings = [
            ("HUBSPOT_BASE_URL", hubspot_url.as_str()),
            ("HUBSPOT_TOKEN", DEFAULT_TOKEN),
            ("HUBSPOT_CURRENCY", "EUR"),
            ("HUBSPOT_PAGE_SIZE", "20"),
            ("HUBSPOT_RATE_PER_SECOND", "1000"),
            ("GCAL_BASE_URL", &google_url),
            ("GCAL_SERVICE_ACCOUNT", &key_file),
            ("GCAL_CALENDAR_ID", CALENDAR_ID),
            ("GCAL_PAGE_SIZE", "25"),
            ("GCAL_RATE_PER_SECOND", "1000"),
            ("STRIPE_PAGE_SIZE", "20"),
            ("STRIPE_RATE_PER_SECOND", "1000"),
            ("REFETCH_TIES", "true"),
            ("OUTBOX_RETENTION_DAYS", "7"),
        ];
        let spec = AccountSpec::between(seed, 60, NOW - 90 * 86_400, NOW).at(NOW);
        let app = TestApp::with_settings(StripeAccount::new(spec), &settings).await;
        let (clock, key) = (app.clock.clone(), app.stripe.key());
        hubspot.follow(move || clock.now().as_millisecond());
        let clock = app.clock.clone();
        google.follow(move || clock.now());
        let mut world =
            Self { app, hubspot, google, key, rng: Rng::with_seed(seed), archived: Vec::new() };
        world.rest().await;
        world
    }

    /// Does one thing.
    pub async fn step(&mut self) {
        match self.rng.u32(0..100) {
            0..30 => self.change().await,
            30..38 => self.lag(),
            38..43 => self.refuse_keys(),
            43..68 => self.run().await,
            68..82 => self.work(true).await,
            82..88 => drop(self.app.relay.run_once(self.app.relay_deadline()).await.unwrap()),
            88..97 => self.app.clock.advance(Duration::from_secs(self.rng.u64(1..7_200))),
            97..99 => self.app.pass_days(self.rng.u32(1..3)).await,
            _ => self.app.pass_days(self.rng.u32(6..12)).await,
        }
    }

    /// Changes something at one of the vendors. Some changes are pushed.
    async fn change(&mut self) {
        self.app.clock.advance(Duration::from_secs(self.rng.u64(0..40)));
        match self.rng.u32(0..10) {
            0..3 => drop(self.app.stripe.change(self.rng.u32(1..8))),
            3..5 => self.google.with(|calendar| calendar.change(self.rng.usize(1..8))),
            5 => self.change_calendar_oddly(),
            _ => self.change_portal().await,
        }
    }

    fn change_calendar_oddly(&mut self) {
        let present = self.google.with(|calendar| calendar.present());
        match self.rng.u32(0..6) {
            0 => self.google.expire_sync_tokens(),
            1 => self.google.expire_page_tokens(),
            2 => self.google.revoke_access_tokens(),
            // Tombstones are forgotten with the tokens that would have shown them.
            3 => {
                self.google.with(|calendar| calendar.cancel_and_forget(2));
                self.google.expire_sync_tokens();
            }
            _ if present.is_empty() => {}
            _ => {
                let id = &present[self.rng.usize(0..present.len())];
                self.google.with(|calendar| calendar.cancel_barely(id));
                self.google.with(|calendar| calendar.restore(id));
            }
        }
    }

    async fn change_portal(&mut self) {
        let kind = if self.rng.bool() { Kind::Contact } else { Kind::Deal };
        let live = self.hubspot.portal().live(kind);
        let Some(&one) = live.get(self.rng.usize(0..live.len().max(1))) else { return };
        let other = live[self.rng.usize(0..live.len())];
        let changed = match self.rng.u32(0..12) {
            0..2 => {
                self.hubspot.portal().archive(kind, one);
                self.archived.push((kind, one));
                one
            }
            2..4 if !self.archived.is_empty() => {
                let at = self.rng.usize(0..self.archived.len());
                let (kind, id) = self.archived.swap_remove(at);
                self.hubspot.portal().restore(kind, id);
                id
            }
            4 => {
                // It is in neither list of the next full run.
                self.hubspot.portal().archive(kind, one);
                self.hubspot.between_lists(kind, move |portal| portal.restore(kind, one));
                return;
            }
            5 => {
                self.hubspot.portal().purge(kind, one);
                one
            }
            6 if one != other => {
                let fresh = self.rng.bool();
                self.hubspot.portal().merge(kind, one, other, fresh)
            }
            7..9 => self.hubspot.portal().create(kind),
            _ => {
                self.hubspot.portal().edit(kind, one);
                one
            }
        };
        if self.rng.bool() {
            let entity = if kind == Kind::Contact { "contact" } else { "deal" };
            self.invoke(&FetchRequest::refetch("hubspot", entity, changed.to_string())).await;
        }
    }

    /// Has lists and indexes lag from now on, or catch up.
    fn lag(&mut self) {
        let seconds = [0, 0, 30, 120, 240][self.rng.usize(0..5)];
        match self.rng.u32(0..4) {
            0 => self.hubspot.portal().list_lag_ms = seconds * 1_000,
            1 => {
                self.google.with(|calendar| calendar.list_lag = SignedDuration::from_secs(seconds))
            }
            2 => self.app.stripe.account().list_late(300, seconds),
            _ => {
                let until = self.app.clock.now().as_millisecond() + seconds * 15_000;
                self.hubspot.portal().index_behind_until_ms = (seconds > 0).then_some(until);
            }
        }
    }

    /// Has a vendor refuse its key from now on, or accept it again.
    fn refuse_keys(&mut self) {
        let refused = self.rng.bool();
        match self.rng.u32(0..3) {
            0 => self.hubspot.set_token(if refused { "another" } else { DEFAULT_TOKEN }),
            1 => self.app.stripe.set_key(if refused { "sk_test_another" } else { &self.key }),
            _ if refused => self.google.faults().always(EVENTS, Fault::Forbidden),
            _ => self.google.faults().clear(),
        }
    }

    /// Runs one pull, as a rule does.
    async fn run(&mut self) {
        let (source, entity, modes) = PULLS[self.rng.usize(0..PULLS.len())];
        let mode = modes[self.rng.usize(0..modes.len())];
        self.invoke(&FetchRequest::new(source, entity, mode)).await;
    }

    /// Works off what is queued. A message in ten is lost if `lossy`.
    pub async fn work(&mut self, lossy: bool) {
        let (tickets, requests) = (self.app.tickets.take(), self.app.requests.take());
        let kept = |rng: &mut Rng| !lossy || rng.u32(0..10) > 0;
        let tickets: Vec<_> = tickets.into_iter().filter(|_| kept(&mut self.rng)).collect();
        for bodies in tickets.chunks(10) {
            self.app.deliver(bodies, 1).await;
        }
        for body in requests {
            if kept(&mut self.rng) {
                let request = serde_json::from_str(&body).unwrap();
                if lossy { self.invoke(&request).await } else { self.serve(&request).await }
            }
        }
    }

    /// Runs one invocation of `fetch` to its end. After an error the next one goes on.
    pub async fn serve(&self, request: &FetchRequest) {
        let deadline = self.app.clock.now() + Duration::from_secs(86_400);
        if let Err(error) = self.app.fetch.serve(request, deadline).await {
            println!("{request:?}: {error}");
        }
    }

    /// Runs one invocation of `fetch`. Some have little time, and some are killed while the vendor
    /// is asked.
    async fn invoke(&mut self, request: &FetchRequest) {
        let time = Duration::from_millis([100, 900, 86_400_000][self.rng.usize(0..3)]);
        let deadline = self.app.clock.now() + time + fetch::MARGIN;
        let (kill, killed) = oneshot::channel();
        let mut unused = None;
        if self.rng.u32(0..5) == 0 {
            let kill = move || kill.send(()).unwrap_or_default();
            let n = self.rng.u64(1..8);
            match request.source.as_str() {
                "stripe" => self.app.stripe.on_request(n, kill),
                "hubspot" => self.hubspot.on_request(n, move |_| kill()),
                _ => self.google.on_request(n, kill),
            }
        } else {
            unused = Some(kill);
        }
        tokio::select! {
            biased;
            _ = killed => {}
            ended = self.app.fetch.serve(request, deadline) => drop(ended),
        }
        drop(unused);
    }
}
