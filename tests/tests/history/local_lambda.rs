//! Does the work of Lambda, SQS and the rules.
//!
//! Each environment gets one request at a time, and `process` gets tickets. A process that died is
//! started again. `relay` runs whenever no work is left.

use process::Normalizers;
use std::collections::VecDeque;
use std::fmt;
use std::time::Duration;

use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesUnordered;
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_edge::sqs::SqsEvent;
use penstock_testkit::{MemoryQueue, Outcome};
use penstock_tests::clock::ShiftedClock;
use penstock_tests::simulators::gcal::CALENDAR_ID;
use penstock_tests::victim::leases_run_out_of;
use serde_json::{Value, json};

use crate::environments::{Environment, PULLS, REFETCHES, place_of};
use crate::gate::Gate;
use crate::history_test::HistoryTest;
use crate::kills::Kills;

/// The deadline of `fetch`: its own margin, and time for some pages.
const DEADLINE: Duration = Duration::from_secs(26);

/// Messages in a batch of `process`, as in the template.
const BATCH: usize = 10;

/// Environments of `process`.
const PROCESSES: usize = 2;

/// Seconds between two rounds of `relay`, so that all unfinished work is overdue.
const RELAYS_AFTER: i64 = 4_000;

/// Invocations of a pull without a committed page, after which it is stuck.
const IN_VAIN: u32 = 40;

/// A count of rounds that only endless work reaches.
const ENDLESS: u32 = 200;

/// An invocation that has ended.
enum Done {
    Fetched(Box<(Environment, Value, Outcome)>),
    Processed(Box<process::Ports<SystemClock, MemoryQueue>>, Vec<String>, Value),
}

/// The number of each kind of occurrence.
#[derive(Debug, Default)]
pub struct Counts {
    invocations: u32,
    /// Invocations that ended with an error, which does not end their run.
    failed: u32,
    pub killed_at_requests: u32,
    pub killed_at_messages: u32,
    /// By pull.
    pub kills: [u32; PULLS.len()],
    batches: u32,
    /// Batches with a failed message.
    returned: u32,
    relays: u32,
}

impl Counts {
    pub fn killed(&self) -> u32 {
        self.killed_at_requests + self.killed_at_messages
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            invocations,
            failed,
            killed_at_requests,
            killed_at_messages,
            batches,
            relays,
            ..
        } = self;
        write!(
            f,
            "{invocations} invocations of fetch, of which {failed} failed and {killed_at_requests} were killed at a request, \
             {killed_at_messages} at a message to Postgres; {batches} batches of process; {relays} rounds of relay"
        )
    }
}

pub struct LocalLambda<'a> {
    test: &'a HistoryTest,
    gate: Gate,
    kills: Option<Kills>,
    environments: Vec<Option<Environment>>,
    processes: Vec<process::Ports<SystemClock, MemoryQueue>>,
    waiting: Vec<VecDeque<Value>>,
    tickets: VecDeque<String>,
    refetches: MemoryQueue,
    relay: relay::Ports<ShiftedClock, MemoryQueue>,
    running: FuturesUnordered<BoxFuture<'a, Done>>,
    in_vain: Vec<(u32, i64)>,
    pub counts: Counts,
}

impl<'a> LocalLambda<'a> {
    pub async fn over(test: &'a HistoryTest, gate: &Gate, mut kills: Option<Kills>) -> Self {
        let mut environments = Vec::new();
        for place in 0..=REFETCHES {
            environments.push(Some(Environment::start(place, test, gate, kills.as_mut()).await));
        }
        let refetches = MemoryQueue::default();
        let settings = [("GCAL_CALENDAR_ID", CALENDAR_ID)].into_iter().collect();
        let process = || -> process::Ports<_, _> {
            process::Ports {
                database: test.db.database_of("process", 1),
                witness: process::Witness::default(),
                backlog: process::Backlog::default(),
                erased: penstock_store::erased_names::Known::default(),
                reader: Normalizers::from_env(&settings).unwrap(),
                refetches: Some(refetches.clone()),
                clock: SystemClock,
            }
        };
        let relay = relay::Ports {
            database: test.db.database_of("relay", 1),
            tickets: MemoryQueue::default(),
            requests: MemoryQueue::default(),
            transactions: MemoryQueue::default(),
            depths: std::sync::Arc::new(MemoryQueue::default()),
            retention: relay::Retention::default(),
            sources: Vec::new(),
            clock: ShiftedClock::default(),
        };
        Self {
            test,
            gate: gate.clone(),
            kills,
            processes: (0..PROCESSES).map(|_| process()).collect(),
            waiting: environments.iter().map(|_| VecDeque::new()).collect(),
            in_vain: environments.iter().map(|_| (0, 0)).collect(),
            environments,
            tickets: VecDeque::new(),
            refetches,
            relay,
            running: FuturesUnordered::new(),
            counts: Counts::default(),
        }
    }

    /// Sends the requests of the schedule: a run of each of these pulls.
    pub fn ask(&mut self, mode: &str, places: &[usize]) {
        for &place in places {
            let (source, entity) = PULLS[place];
            self.waiting[place]
                .push_back(json!({"source": source, "entity": entity, "mode": mode}));
        }
    }

    /// Works until no message waits and no run is open or requested.
    pub async fn until_nothing_is_left(&mut self) {
        loop {
            self.collect();
            self.begin();
            if self.running.is_empty() {
                if self.relay().await == 0 {
                    return;
                }
                continue;
            }
            tokio::select! {
                Some(done) = self.running.next() => self.finish(done).await,
                () = self.test.aws.arrival() => {}
            }
        }
    }

    /// Takes the messages that have arrived in the queues.
    fn collect(&mut self) {
        self.tickets.extend(self.test.aws.take_from("tickets"));
        self.tickets.extend(self.relay.tickets.take());
        let quick = self.test.aws.take_from("quick-requests");
        let requests = self.test.aws.take_from("fetch-requests").into_iter().chain(quick);
        for body in requests.chain(self.refetches.take()).chain(self.relay.requests.take()) {
            let request = serde_json::from_str(&body).unwrap();
            let place = place_of(&request);
            self.waiting[place].push_back(json!({"Records": [message(&body)]}));
        }
    }

    /// Gives waiting messages to free environments.
    fn begin(&mut self) {
        for place in 0..self.waiting.len() {
            if self.waiting[place].is_empty() || self.environments[place].is_none() {
                continue;
            }
            let event = self.waiting[place].pop_front().unwrap();
            let environment = self.environments[place].take().unwrap();
            self.counts.invocations += 1;
            self.running.push(Box::pin(async move {
                Done::Fetched(Box::new(environment.invoke(event, DEADLINE).await))
            }));
        }
        while !self.tickets.is_empty() {
            let Some(process) = self.processes.pop() else { return };
            let bodies: Vec<String> = self.tickets.drain(..self.tickets.len().min(BATCH)).collect();
            self.counts.batches += 1;
            let working = tokio::spawn(async move {
                let event: SqsEvent = serde_json::from_value(
                    json!({"Records": bodies.iter().map(|body| message(body)).collect::<Vec<_>>()}),
                )
                .unwrap();
                let deadline = process.clock.now() + Duration::from_secs(60);
                let response = serde_json::to_value(process.handle(event, deadline).await).unwrap();
                Done::Processed(Box::new(process), bodies, response)
            });
            self.running.push(Box::pin(async move { working.await.unwrap() }));
        }
    }

    async fn finish(&mut self, done: Done) {
        match done {
            Done::Processed(process, bodies, response) => {
                self.processes.push(*process);
                if response["batchItemFailures"] != json!([]) {
                    self.counts.returned += 1;
                    assert!(self.counts.returned < ENDLESS, "tickets fail again and again");
                    self.tickets.extend(bodies);
                }
            }
            Done::Fetched(done) => {
                let (environment, event, outcome) = *done;
                self.fetched(environment, event, outcome).await;
            }
        }
    }

    async fn fetched(&mut self, environment: Environment, event: Value, outcome: Outcome) {
        let place = environment.place;
        self.is_getting_on(place, &outcome).await;
        match outcome {
            Outcome::Died(_) => {
                assert!(self.kills.is_some(), "fetch of {:?} died by itself", PULLS.get(place));
                let cut = environment.was_cut();
                *(if cut {
                    &mut self.counts.killed_at_messages
                } else {
                    &mut self.counts.killed_at_requests
                }) += 1;
                self.counts.kills[place] += 1;
                drop(environment);
                let (source, entity) = PULLS[place];
                leases_run_out_of(&self.test.db, source, entity).await;
                self.nothing_is_swept_early().await;
                let next =
                    Environment::start(place, self.test, &self.gate, self.kills.as_mut()).await;
                self.environments[place] = Some(next);
                // The message was not acknowledged, so it comes again.
                self.waiting[place].push_front(event);
                return;
            }
            Outcome::Replied(reply) => {
                if reply.get("batchItemFailures").is_some_and(|failures| *failures != json!([])) {
                    self.counts.failed += 1;
                    self.waiting[place].push_back(event);
                }
            }
            Outcome::Failed { .. } => self.counts.failed += 1,
            Outcome::TimedOut => panic!("fetch of {:?} did not stop in time", PULLS.get(place)),
        }
        self.environments[place] = Some(environment);
    }

    /// Asserts that a run makes no tombstone before its end (trap 13).
    ///
    /// # Panics
    ///
    /// If an open run has made one.
    async fn nothing_is_swept_early(&self) {
        let sql = "select count(*) from outbox o join sync_runs r on o.version_key = 'sweep:' || r.id \
                   where r.finished_at is null";
        assert_eq!(self.test.db.scalar::<i64>(sql).await, 0, "swept before the list was complete");
    }

    /// Asserts that a pull makes progress.
    ///
    /// # Panics
    ///
    /// If it was invoked too often without a committed page.
    async fn is_getting_on(&mut self, place: usize, outcome: &Outcome) {
        let Some((source, entity)) = PULLS.get(place) else { return };
        let sql = format!(
            "select (coalesce(sum(pages), 0) + count(*) + count(finished_at))::bigint from sync_runs \
             where source = '{source}' and entity = '{entity}'"
        );
        let committed: i64 = self.test.db.scalar(&sql).await;
        let (vain, before) = self.in_vain[place];
        self.in_vain[place] = if committed == before { (vain + 1, before) } else { (0, committed) };
        assert!(
            vain < IN_VAIN,
            "{source} {entity} was invoked {vain} times without a page; the last {outcome:?}"
        );
    }

    /// Runs `relay`, long after everything before. Returns how many messages it sends.
    async fn relay(&mut self) -> usize {
        self.relay.clock.advance(RELAYS_AFTER);
        // `fetch` reads the machine's clock, for which that time has not passed. The second request
        // for what is gone is not waited for: it would come too early, and ask for a third.
        let passed = "delete from refetch_requests \
                      where tries = 1 and next_send_at = requested_at + interval '5 minutes'; \
                      update refetch_requests set next_send_at = least(next_send_at, now()); \
                      update sync_state set lease_until = least(lease_until, now()), \
                                            next_try_at = least(next_try_at, now()); \
                      update circuits set rests_until = least(rests_until, now())";
        self.test.db.client().await.batch_execute(passed).await.unwrap();
        self.counts.relays += 1;
        assert!(self.counts.relays < ENDLESS, "relay always finds something to send");
        let deadline = self.relay.clock.now() + Duration::from_secs(3_600);
        let round = self.relay.run_once(deadline).await.unwrap();
        round.runs + round.refetches + round.ticketed
    }

    /// Returns the peak resident memory of each pull's process, in KiB.
    pub fn peaks(&self) -> Vec<(usize, u64)> {
        let pulls =
            self.environments.iter().flatten().filter(|environment| environment.place < REFETCHES);
        pulls.filter_map(|environment| Some((environment.place, environment.peak_kib()?))).collect()
    }
}

/// Returns a message in SQS's form.
fn message(body: &str) -> Value {
    json!({"messageId": "m", "body": body, "attributes": {"ApproximateReceiveCount": "1"}})
}
