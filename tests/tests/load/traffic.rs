//! The clients: their requests in order, and the replies that they got.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use tokio::sync::watch;

use crate::kinds::{Kind, Request, kinds};
use crate::load_test::LoadTest;

/// One in this many requests with the reply 503 is given up.
const GIVES_UP: usize = 5;

/// The requests of a run, in order.
pub struct Plan {
    pub requests: Vec<Request>,
    /// Places in `requests`. A repeated request has its place twice.
    sends: Vec<usize>,
}

impl Plan {
    /// Plans `sends` requests. One in ten repeats an earlier one, if that kind may be repeated.
    /// Half of the repetitions follow at once, as from a client that does not wait, the others at
    /// any later time.
    pub fn of(sends: usize, seed: u64) -> Self {
        let mut rng = fastrand::Rng::with_seed(seed);
        let mut plan = Self { requests: Vec::new(), sends: Vec::with_capacity(sends) };
        while plan.sends.len() < sends {
            let known = plan.requests.len();
            let again = match rng.u8(0..20) {
                0 if known > 0 => Some(known - 1),
                1 if known > 0 => Some(rng.usize(0..known)),
                _ => None,
            };
            match again.filter(|place| plan.requests[*place].kind.repeatable) {
                Some(place) => plan.sends.push(place),
                None => {
                    plan.sends.push(known);
                    plan.requests.push(Request { kind: any_kind(&mut rng), n: known + 1 });
                }
            }
        }
        plan
    }

    /// Returns the number of sent requests, repetitions included.
    pub fn sends(&self) -> usize {
        self.sends.len()
    }
}

fn any_kind(rng: &mut fastrand::Rng) -> &'static Kind {
    let mut place = rng.usize(0..kinds().map(|kind| kind.share).sum());
    let reached = kinds().find(|kind| match place.checked_sub(kind.share) {
        Some(rest) => {
            place = rest;
            false
        }
        None => true,
    });
    reached.expect("the place is below the sum")
}

/// The reply to a request.
pub struct Answer {
    /// The request's place in the plan.
    pub place: usize,
    pub status: u64,
    pub took: Duration,
}

/// The progress of the clients.
#[derive(Debug, Clone, Copy, Default)]
pub struct Progress {
    /// The number of replies so far.
    pub answers: usize,
    /// Whether there will be no more replies.
    pub is_over: bool,
}

/// The clients at work. The code that causes outages counts replies, and holds requests back until
/// an outage is sure to happen in the middle of them.
pub struct Traffic {
    pub plan: Plan,
    next: AtomicUsize,
    begun: AtomicUsize,
    allowed: watch::Sender<usize>,
    progress: watch::Sender<Progress>,
}

impl Traffic {
    pub fn new(plan: Plan) -> Self {
        let (next, begun) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self {
            plan,
            next,
            begun,
            allowed: watch::Sender::new(0),
            progress: watch::Sender::new(Progress::default()),
        }
    }

    async fn client(self: Arc<Self>, test: Arc<LoadTest>) -> Vec<Answer> {
        let mut answers = Vec::new();
        while let Some(&place) = self.plan.sends.get(self.next.fetch_add(1, Ordering::Relaxed)) {
            let request = &self.plan.requests[place];
            loop {
                let nth = self.begun.fetch_add(1, Ordering::Relaxed);
                self.allowed.subscribe().wait_for(|allowed| nth < *allowed).await.unwrap();
                let asked_at = Instant::now();
                let reply =
                    test.answer(request.kind.function, request.event(SystemClock.now())).await;
                let status = reply["statusCode"].as_u64().unwrap();
                answers.push(Answer { place, status, took: asked_at.elapsed() });
                self.progress.send_modify(|progress| progress.answers += 1);
                if status != 503 || !request.kind.repeatable || place % GIVES_UP == 0 {
                    break;
                }
            }
        }
        answers
    }

    /// Lets this number of requests begin in all.
    pub fn allow(&self, requests: usize) {
        self.allowed.send_replace(requests);
    }

    /// Returns once this number of requests has been answered in all.
    pub async fn until(&self, answers: usize) {
        self.progress().wait_for(|progress| progress.answers >= answers).await.unwrap();
    }

    /// Each change is a reply, the last one the end.
    pub fn progress(&self) -> watch::Receiver<Progress> {
        self.progress.subscribe()
    }
}

/// Sends all requests of the plan. Returns the replies; those of one request are in order.
pub async fn run(test: &Arc<LoadTest>, traffic: &Arc<Traffic>, clients: usize) -> Vec<Answer> {
    let clients: Vec<_> =
        (0..clients).map(|_| tokio::spawn(traffic.clone().client(test.clone()))).collect();
    let mut answers = Vec::new();
    for client in clients {
        answers.extend(client.await.unwrap());
    }
    traffic.progress.send_modify(|progress| progress.is_over = true);
    answers
}
