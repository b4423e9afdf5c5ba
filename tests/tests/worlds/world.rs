//! A world: the functions in one process, the vendors, the queues between them, and their clock.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use fastrand::Rng;
use jiff::Timestamp;
use penstock_domain::clock::Clock as _;
use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_tests::simulators::gcal::{CALENDAR_ID, GoogleCalendarSimulator};
use penstock_tests::simulators::hubspot::{
    DEFAULT_TOKEN, HubSpotPortal, HubSpotSimulator, push_bodies, sign_v3,
};
use penstock_tests::simulators::stripe::{AccountSpec, StripeAccount, sign};
use penstock_tests::test_app::{CHANNEL_SECRET, TestApp, WEBHOOK_SECRET};
use penstock_tests::truth::{self, assert_nothing_left, assert_same};
use serde_json::{Value, json};

use crate::mail::{Letter, Message, Rule};
use crate::meanwhile::Meanwhile;
use crate::trouble::Vendors;

/// 2026-06-01T00:00:00Z.
const NOW: i64 = 1_780_272_000;
const DAY: Duration = Duration::from_secs(86_400);

/// The visibility time-out of `fetch-requests`.
const VISIBLE_AGAIN: Duration = Duration::from_secs(900);

pub struct World {
    app: TestApp,
    hubspot: Arc<HubSpotSimulator>,
    google: GoogleCalendarSimulator,
    meanwhile: Arc<Meanwhile>,
    rng: Rng,
    mail: Vec<Message>,
    rules: Vec<Rule>,
    /// Whether invocations may be killed.
    killing: bool,
    story: Story,
}

/// The events of a world, printed if its test fails.
struct Story {
    seed: u64,
    lines: Vec<String>,
}

impl Drop for Story {
    fn drop(&mut self) {
        if std::thread::panicking() {
            println!("the world of seed {}:\n{}", self.seed, self.lines.join("\n"));
        }
    }
}

impl World {
    pub async fn begin(seed: u64) -> Self {
        let now = Timestamp::from_second(NOW).unwrap();
        let portal = HubSpotPortal::new(seed, 60, 40, NOW * 1_000);
        let hubspot = Arc::new(HubSpotSimulator::start(portal).unwrap());
        let google = GoogleCalendarSimulator::start(seed, 60, now);
        let (hubspot_url, base_url, key_file) =
            (hubspot.url(), google.base_url(), google.key_file());
        let settings = [
            ("STRIPE_PAGE_SIZE", "10"),
            ("STRIPE_CONCURRENCY", "2"),
            ("HUBSPOT_BASE_URL", hubspot_url.as_str()),
            ("HUBSPOT_TOKEN", DEFAULT_TOKEN),
            ("HUBSPOT_CURRENCY", "EUR"),
            ("HUBSPOT_PAGE_SIZE", "10"),
            ("GCAL_BASE_URL", base_url.as_str()),
            ("GCAL_SERVICE_ACCOUNT", &key_file),
            ("GCAL_CALENDAR_ID", CALENDAR_ID),
            ("GCAL_PAGE_SIZE", "10"),
            ("GCAL_WEBHOOK_URL", "https://penstock.example/webhooks/gcal"),
            ("GCAL_CHANNEL_SECRET", CHANNEL_SECRET),
        ];
        let spec = AccountSpec::between(seed, 60, NOW - 60 * 86_400, NOW).at(NOW);
        let app = TestApp::with_settings(StripeAccount::new(spec), &settings).await;
        let clock = app.clock.clone();
        hubspot.follow(move || clock.now().as_millisecond());
        let clock = app.clock.clone();
        google.follow(move || clock.now());
        let meanwhile = Meanwhile::begin(seed, &app.stripe, &hubspot, &google);
        let (mail, rules) = (Vec::new(), Rule::all(now));
        let (rng, story) = (Rng::with_seed(seed), Story { seed, lines: Vec::new() });
        Self { app, hubspot, google, meanwhile, rng, mail, rules, killing: true, story }
    }

    /// One operation at random, and everything that is due after it.
    pub async fn operate(&mut self) {
        self.meanwhile.go(true);
        self.meanwhile.change(self.rng.usize(0..6), &self.app.stripe, &self.hubspot, &self.google);
        match self.rng.u8(0..20) {
            0..=7 => {
                let seconds = self.rng.u64(5..600);
                self.pass(Duration::from_secs(seconds)).await;
            }
            8..=10 => {
                for _ in 0..self.rng.u8(4..24) {
                    self.pass(Duration::from_secs(900)).await;
                }
            }
            11 | 12 => {
                for _ in 0..self.rng.u8(1..5) {
                    self.pass(DAY).await;
                }
            }
            // Longer than any event, tombstone or processed row is kept.
            13 if self.rng.u8(0..4) == 0 => {
                for _ in 0..40 {
                    self.pass(DAY).await;
                }
            }
            14 => self.trigger(),
            15 if self.rng.bool() => {
                self.tell("the queues are lost");
                self.mail.clear();
            }
            _ => {
                let mut rng = self.rng.fork();
                let name = self.vendors().trouble(&mut rng);
                self.tell(name);
            }
        }
        self.push().await;
    }

    /// Ends all trouble, and lets a day pass in which nothing changes.
    pub async fn rest(&mut self) {
        self.tell("rest");
        self.meanwhile.go(false);
        self.vendors().end();
        self.app.stripe.settle();
        for minutes in [[10; 13].as_slice(), &[60; 22]].concat() {
            self.pass(Duration::from_secs(60 * minutes)).await;
        }
        self.let_held_sweeps_through().await;
        // A run that is killed in the end would still wait for its lease when it is looked at.
        self.killing = false;
        for _ in 0..13 {
            self.pass(Duration::from_secs(600)).await;
        }
    }

    /// Says, as a person does, that what a full list left out may be gone: so much can vanish in a
    /// day that a sweep waits for that.
    async fn let_held_sweeps_through(&mut self) {
        let held = "select source, entity from held_sweeps";
        for row in self.app.db.client().await.query(held, &[]).await.unwrap() {
            let (source, entity): (String, String) = (row.get(0), row.get(1));
            self.tell(format!("a person lets the sweep of {source} {entity} through"));
            let full = FetchRequest::new(&source, &entity, Mode::Full);
            let request = Letter::Request(FetchRequest { allow_sweep: true, ..full });
            self.mail.push(Message::new(request, self.app.clock.now()));
        }
    }

    /// Asserts that every table is the vendors' truth, and that nothing is on its way.
    pub async fn assert_true(&self) {
        truth::stripe::assert_true(&self.app.db, &self.app.stripe).await;
        self.assert_portal().await;
        truth::gcal::assert_true(&self.app.db, &self.google).await;
        assert_nothing_left(&self.app.db).await;
        // A request that has ended, with its reason, is kept for a person to see.
        for sql in [
            "select to_jsonb(r) from refetch_requests r where ended_at is null",
            "select to_jsonb(r) from sync_runs r where status = 'running'",
            "select to_jsonb(s) from sync_state s where requested_at is not null",
            "select to_jsonb(s) from sync_state s where halted is not null",
        ] {
            let hanging = format!("select jsonb_agg(to_jsonb)::text from ({sql}) t");
            let hanging: Option<String> = self.app.db.scalar(&hanging).await;
            assert_eq!(hanging, None, "what hangs");
        }
    }

    /// Compares contacts and deals. Who was merged into a contact is known from that contact, so it
    /// is compared only while that contact is there.
    async fn assert_portal(&self) {
        let client = self.app.db.client().await;
        let mut ours = truth::hubspot::contacts(&client).await.unwrap();
        let mut due = truth::hubspot::contacts_due(&self.hubspot.portal(), &ours);
        let there: BTreeSet<String> =
            due.iter().filter(|(_, row)| !row.deleted).map(|(id, _)| id.clone()).collect();
        for row in ours.values_mut().chain(due.values_mut()) {
            row.merged_into.take_if(|into| !there.contains(into));
        }
        assert_same("contacts", &ours, &due);
        let ours = truth::hubspot::deals(&client).await.unwrap();
        assert_same("deals", &ours, &truth::hubspot::deals_due(&self.hubspot.portal()));
    }

    fn vendors(&self) -> Vendors<'_> {
        Vendors { stripe: &self.app.stripe, hubspot: &self.hubspot, google: &self.google }
    }

    fn tell(&mut self, what: impl std::fmt::Display) {
        self.story.lines.push(format!("{} {what}", self.app.clock.now()));
    }

    /// Lets time pass: rules, `relay`, and every message that is due.
    async fn pass(&mut self, time: Duration) {
        self.app.clock.advance(time);
        let now = self.app.clock.now();
        for due in Rule::due(&mut self.rules, now) {
            self.app.due(due).await;
        }
        self.app.relay.run_once(self.app.relay_deadline()).await.unwrap();
        self.collect();
        // What a message causes is served too, as long as it is due.
        while let Some(message) = self.next() {
            self.serve(message).await;
            self.collect();
        }
    }

    /// Takes the messages that the functions sent. Some come twice.
    fn collect(&mut self) {
        let now = self.app.clock.now();
        let tickets = self.app.tickets.take().into_iter().map(Letter::Ticket);
        self.mail.extend(tickets.map(|ticket| Message::new(ticket, now)));
        let delays = self.app.requests.delays();
        for (body, delay) in self.app.requests.take().into_iter().zip(delays) {
            let request = Letter::Request(serde_json::from_str(&body).unwrap());
            self.mail.push(Message::new(request, now + delay));
        }
        if !self.mail.is_empty() && self.rng.u8(0..20) == 0 {
            let twice = self.mail[self.rng.usize(0..self.mail.len())].clone();
            self.mail.push(twice);
        }
    }

    /// Returns any message that is due.
    fn next(&mut self) -> Option<Message> {
        let now = self.app.clock.now();
        let due: Vec<usize> =
            (0..self.mail.len()).filter(|i| self.mail[*i].due_at <= now).collect();
        let chosen = due.get(self.rng.usize(0..due.len().max(1)))?;
        Some(self.mail.swap_remove(*chosen))
    }

    async fn serve(&mut self, message: Message) {
        match &message.letter {
            Letter::Ticket(body) => {
                let body = body.clone();
                let reply = self.app.deliver(&[body], message.receives).await;
                assert_eq!(reply.failures(), 0, "a ticket failed");
            }
            Letter::Request(request) => {
                let request = request.clone();
                if !self.fetch(&request).await {
                    let again = message.again(VISIBLE_AGAIN, self.app.clock.now());
                    self.mail.extend(again);
                }
            }
        }
    }

    /// Runs one invocation of `fetch`, which may be killed. Returns whether its message is done.
    async fn fetch(&mut self, request: &FetchRequest) -> bool {
        let seconds = if request.mode.is_quick() { 20 } else { self.rng.u64(20..600) };
        let deadline = self.app.clock.now() + Duration::from_secs(seconds) + fetch::MARGIN;
        let kill = (self.killing && self.rng.u8(0..25) == 0).then(|| self.rng.u32(1..8));
        self.meanwhile.kill_at(kill);
        let record =
            json!({"messageId": "message", "body": serde_json::to_string(request).unwrap()});
        let reply = tokio::select! {
            biased;
            () = self.meanwhile.killed() => None,
            reply = self.app.fetch.handle(json!({"Records": [record]}), deadline) => Some(reply),
        };
        self.meanwhile.kill_at(None);
        let done = match &reply {
            // The environment's connection ends with it.
            None => {
                self.app.fetch.database = self.app.db.database(1);
                "killed"
            }
            Some(reply) if reply.as_ref().unwrap()["batchItemFailures"] == json!([]) => "done",
            Some(_) => "failed",
        };
        let mode = request.mode.as_str();
        self.tell(format!("{} {} {mode}: {done}", request.source, request.entity));
        done == "done"
    }

    /// Asks for a run as a person does.
    fn trigger(&mut self) {
        let (source, entity, mode) = [
            ("stripe", "charge", Mode::Full),
            ("stripe", "refund", Mode::Full),
            ("stripe", "dispute", Mode::Full),
            ("stripe", "charge", Mode::Reconcile),
            ("hubspot", "contact", Mode::Full),
            ("hubspot", "deal", Mode::Full),
            ("gcal", "event", Mode::Full),
        ][self.rng.usize(0..7)];
        self.tell(format!("trigger {source} {entity} {mode:?}"));
        let request = Letter::Request(FetchRequest::new(source, entity, mode));
        self.mail.push(Message::new(request, self.app.clock.now()));
    }

    /// Sends most of the webhooks that are due, some of them twice.
    async fn push(&mut self) {
        let pushes = self.meanwhile.pushes();
        for body in pushes.stripe {
            for _ in 0..[0, 1, 1, 2][self.rng.usize(0..4)] {
                let now = self.app.stripe.now();
                let signature = sign(&[WEBHOOK_SECRET], now, body.as_bytes());
                self.post("stripe", &body, json!({"stripe-signature": signature})).await;
            }
        }
        if self.rng.bool() {
            for body in push_bodies(&pushes.hubspot) {
                let now = self.app.clock.now().as_millisecond();
                let uri = "https://api.example/webhooks/hubspot";
                let signature = sign_v3(WEBHOOK_SECRET, "POST", uri, body.as_bytes(), now);
                let headers = json!({"x-hubspot-signature-v3": signature,
                    "x-hubspot-request-timestamp": now.to_string()});
                self.post("hubspot", &body, headers).await;
            }
        }
        if pushes.gcal && self.rng.bool() {
            for mut channel in self.google.channels() {
                let headers = channel.notify("exists").into_iter();
                let headers = headers.map(|(name, value)| (name.to_owned(), json!(value)));
                self.post("gcal", "", Value::Object(headers.collect())).await;
            }
        }
        self.collect();
    }

    async fn post(&self, source: &str, body: &str, headers: Value) {
        let mut all = json!({"content-type": "application/json", "host": "api.example"});
        all.as_object_mut().unwrap().extend(headers.as_object().unwrap().clone());
        let event = json!({
            "version": "2.0", "rawPath": format!("/webhooks/{source}"), "rawQueryString": "",
            "headers": all, "body": body, "isBase64Encoded": false,
            "requestContext": {"http": {"method": "POST"}, "stage": "$default"},
        });
        let reply = self.app.webhook.invoke(event, "invocation").await.unwrap();
        assert_eq!(reply["statusCode"], 200, "{reply}");
    }
}
