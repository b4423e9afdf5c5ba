//! The queues' side: `process` works beside the clients, and spilled requests come in once Postgres
//! is back.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::join_all;
use penstock_domain::clock::Clock as _;
use penstock_edge::sqs::SqsEvent;
use penstock_testkit::MemoryQueue;
use penstock_tests::clock::ShiftedClock;
use serde_json::{Value, json};

use crate::load_test::LoadTest;
use crate::traffic::{Progress, Traffic};

/// Messages in a batch, as in the template.
const BATCH: usize = 10;

/// Receives after which SQS moves a message to the dead-letter queue.
const RECEIVES: u32 = 5;

/// Replies after which a failed message is delivered again.
const OUT_OF_SIGHT: usize = 100;

/// The messages of a queue, each with the number of its receives.
type Messages = VecDeque<(String, u32)>;

/// The messages of the queue `spill` that came in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Brought {
    /// Messages that waited.
    pub waited: usize,
    /// Deliveries, repeated ones included.
    pub delivered: usize,
    /// Rows that these messages added.
    pub rows: i64,
}

/// Works off tickets while the clients go on and Postgres stops and starts. Messages that are
/// received too often go to `bury` once Postgres is back.
pub async fn process_beside(test: Arc<LoadTest>, traffic: Arc<Traffic>) {
    let process = test.process();
    let (mut tickets, mut dead) = (Messages::new(), Vec::new());
    let mut progress = traffic.progress();
    loop {
        let Progress { answers, is_over } = *progress.borrow_and_update();
        let failed = work(&process, &mut tickets, &test.tickets, &mut dead).await;
        if tickets.is_empty() && is_over {
            break;
        }
        if failed {
            // As long as SQS hides them after a failed receive.
            let later = |now: &Progress| now.is_over || now.answers >= answers + OUT_OF_SIGHT;
            progress.wait_for(later).await.unwrap();
        } else if tickets.is_empty() {
            progress.changed().await.unwrap();
        }
    }
    let messages = dead.into_iter().map(|body| (body, RECEIVES)).collect::<Vec<_>>();
    assert_eq!(test.bury().handle(batch_of(&messages)).await.failures(), 0);
}

/// Delivers one batch. Returns whether a message of it failed.
async fn work(
    process: &process::Ports<ShiftedClock, MemoryQueue>,
    tickets: &mut Messages,
    queue: &MemoryQueue,
    dead: &mut Vec<String>,
) -> bool {
    tickets.extend(queue.take().into_iter().map(|body| (body, 1)));
    let batch: Vec<_> = tickets.drain(..tickets.len().min(BATCH)).collect();
    let deadline = process.clock.now() + std::time::Duration::from_secs(60);
    let response = serde_json::to_value(process.handle(batch_of(&batch), deadline).await).unwrap();
    let failed = failures(&response);
    for place in &failed {
        let (body, receives) = batch[*place].clone();
        if receives < RECEIVES {
            tickets.push_back((body, receives + 1));
        } else {
            dead.push(body);
        }
    }
    !failed.is_empty()
}

/// Delivers the spilled messages in any order, one in three twice.
pub async fn bring_in(test: &LoadTest, seed: u64) -> Brought {
    let mut rng = fastrand::Rng::with_seed(seed);
    let spilled = test.spill.take();
    let again: Vec<_> = spilled.iter().filter(|_| rng.u8(0..3) == 0).cloned().collect();
    let (waited, before) = (spilled.len(), rows(test).await);
    let mut messages: Vec<_> = spilled.into_iter().chain(again).map(|body| (body, 1)).collect();
    rng.shuffle(&mut messages);
    let batches: Vec<_> = messages.chunks(BATCH).collect();
    // Two environments at once, as the template allows.
    join_all(test.webhooks[..2].iter().enumerate().map(|(nth, webhook)| {
        let own = batches.iter().skip(nth).step_by(2);
        async move {
            for batch in own {
                let response =
                    webhook.lock().await.invoke(event(batch), "invocation").await.unwrap();
                assert_eq!(failures(&response), Vec::<usize>::new(), "Postgres is back");
            }
        }
    }))
    .await;
    Brought { waited, delivered: messages.len(), rows: rows(test).await - before }
}

async fn rows(test: &LoadTest) -> i64 {
    test.postgres.client().await.query_one("select count(*) from outbox", &[]).await.unwrap().get(0)
}

/// Works off the tickets, and the rows that `relay` finds without one.
pub async fn process_the_rest(test: &LoadTest) {
    let (process, relay) = (test.process(), test.relay());
    let (mut tickets, mut dead) = (Messages::new(), Vec::new());
    loop {
        assert!(!work(&process, &mut tickets, &test.tickets, &mut dead).await, "Postgres is back");
        if tickets.is_empty() {
            let deadline = relay.clock.now() + Duration::from_secs(3_600);
            if relay.run_once(deadline).await.unwrap().ticketed == 0 {
                return;
            }
        }
    }
}

/// Returns messages in the form of an event source mapping. Each is named by its place.
fn event(messages: &[(String, u32)]) -> Value {
    let message = |(place, (body, receives)): (usize, &(String, u32))| {
        json!({
            "messageId": place.to_string(), "body": body,
            "attributes": {"ApproximateReceiveCount": receives.to_string()},
        })
    };
    json!({"Records": messages.iter().enumerate().map(message).collect::<Vec<_>>()})
}

fn batch_of(messages: &[(String, u32)]) -> SqsEvent {
    serde_json::from_value(event(messages)).unwrap()
}

/// The places of the messages that failed.
fn failures(response: &Value) -> Vec<usize> {
    let failed = response["batchItemFailures"].as_array().unwrap();
    failed
        .iter()
        .map(|failure| failure["itemIdentifier"].as_str().unwrap().parse().unwrap())
        .collect()
}
