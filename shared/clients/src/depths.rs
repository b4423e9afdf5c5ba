//! How many messages wait in the queues of a stack.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;

use aws_sdk_sqs::types::QueueAttributeName as Attribute;
use penstock_domain::config::Env;

use crate::aws::Aws;
use crate::queue::QueueError;

/// The names of the queues. The variable with the URL of `tickets-dlq` is `TICKETS_DLQ_DEPTH_URL`.
pub const QUEUES: [&str; 12] = [
    "tickets",
    "tickets-dlq",
    "fetch-requests",
    "fetch-requests-dlq",
    "quick-requests",
    "spill",
    "spill-dlq",
    "ingest-spill",
    "quick-requests-dlq",
    "transactions",
    "transactions-dlq",
    "transact-spill",
];

/// The messages of one queue. SQS counts them approximately.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Depth {
    /// The name of the queue, such as `tickets-dlq`.
    pub queue: &'static str,
    /// Messages that can be received, now or after their delay.
    pub waiting: u64,
    /// Messages that a function has received and not deleted yet.
    pub in_flight: u64,
}

impl Depth {
    /// Whether the queue is one of dead letters.
    #[must_use]
    pub fn is_of_dead_letters(&self) -> bool {
        self.queue.ends_with("-dlq")
    }
}

/// The outcome of a look at all queues, which comes later.
pub type Reading<'a> = Pin<Box<dyn Future<Output = Result<Vec<Depth>, QueueError>> + Send + 'a>>;

/// The queues of a stack: those of SQS, or none in tests.
pub trait Depths: Send + Sync {
    /// Counts the messages of each queue.
    fn read(&self) -> Reading<'_>;
}

/// The queues of SQS whose URLs a function has.
#[derive(Debug, Clone)]
pub struct Queues {
    aws: Arc<Aws>,
    urls: Vec<(&'static str, String)>,
}

impl Queues {
    /// Takes the queues whose variables are set.
    #[must_use]
    pub fn from_env(aws: Arc<Aws>, env: &Env) -> Self {
        let url = |name: &'static str| {
            let variable = name.replace('-', "_").to_uppercase();
            Some((name, env.optional(&format!("{variable}_DEPTH_URL"))?))
        };
        Self { aws, urls: QUEUES.into_iter().filter_map(url).collect() }
    }

    async fn depth(&self, queue: &'static str, url: &str) -> Result<Depth, QueueError> {
        let names = [
            Attribute::ApproximateNumberOfMessages,
            Attribute::ApproximateNumberOfMessagesDelayed,
            Attribute::ApproximateNumberOfMessagesNotVisible,
        ];
        let ask = self.aws.sqs().await.get_queue_attributes().queue_url(url);
        let ask = ask.set_attribute_names(Some(names.to_vec()));
        // Boxed: the SDK's futures are kilobytes each.
        let said = Box::pin(ask.send()).await.map_err(|error| QueueError::new(queue, error))?;
        let [visible, delayed, hidden] = names.map(|name| {
            let text = said.attributes().and_then(|all| all.get(&name));
            text.and_then(|text| text.parse::<u64>().ok()).unwrap_or(0)
        });
        Ok(Depth { queue, waiting: visible + delayed, in_flight: hidden })
    }
}

impl Depths for Queues {
    fn read(&self) -> Reading<'_> {
        Box::pin(async move {
            let mut all = Vec::new();
            for (queue, url) in &self.urls {
                all.push(self.depth(queue, url).await?);
            }
            Ok(all)
        })
    }
}
