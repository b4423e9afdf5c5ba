//! A stack's queue, from outside.

use std::sync::Arc;

use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::QueueAttributeName;
use penstock_clients::aws::Aws;
use penstock_clients::queue::{Outlet, Queue};

use super::StackError;

/// One of a stack's queues.
#[derive(Debug, Clone)]
pub struct StackQueue {
    aws: Arc<Aws>,
    url: String,
}

/// How many messages are in a queue. LocalStack counts exactly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// That may be received, now or after their delay.
    pub waiting: u64,
    /// That somebody has received, and neither deleted nor let run out.
    pub in_flight: u64,
}

impl Depth {
    /// Whether nothing is there.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.waiting + self.in_flight == 0
    }
}

impl StackQueue {
    pub(super) fn new(aws: Arc<Aws>, url: String) -> Self {
        Self { aws, url }
    }

    /// Sends messages, ten a request.
    ///
    /// # Errors
    /// Where SQS does not take one.
    pub async fn send(&self, bodies: Vec<String>) -> Result<(), StackError> {
        Ok(Queue::new(Arc::clone(&self.aws), self.url.clone()).send_all(bodies).await?)
    }

    /// How many messages there are.
    ///
    /// # Errors
    /// Where SQS does not tell.
    pub async fn depth(&self) -> Result<Depth, StackError> {
        let visible = QueueAttributeName::ApproximateNumberOfMessages;
        let hidden = QueueAttributeName::ApproximateNumberOfMessagesNotVisible;
        let delayed = QueueAttributeName::ApproximateNumberOfMessagesDelayed;
        let sqs = self.aws.sqs().await;
        let ask = sqs
            .get_queue_attributes()
            .queue_url(&self.url)
            .attribute_names(QueueAttributeName::All)
            .send();
        // Boxed: the SDK's futures are kilobytes each.
        let told =
            Box::pin(ask).await.map_err(|e| StackError::Sqs(DisplayErrorContext(e).to_string()))?;
        let number = |name: &QueueAttributeName| {
            told.attributes()
                .and_then(|all| all.get(name))
                .and_then(|text| text.parse().ok())
                .unwrap_or(0)
        };
        Ok(Depth { waiting: number(&visible) + number(&delayed), in_flight: number(&hidden) })
    }
}
