//! A stack's queue, seen from outside.

use std::sync::Arc;

use aws_sdk_sqs::error::DisplayErrorContext;
use aws_sdk_sqs::types::QueueAttributeName;
use penstock_clients::aws::Aws;
use penstock_clients::queue::{Outlet, Queue};

use super::StackError;

/// One of the stack's SQS queues.
#[derive(Debug, Clone)]
pub struct StackQueue {
    aws: Arc<Aws>,
    url: String,
}

/// The number of messages in a queue. LocalStack counts exactly.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Depth {
    /// Messages that can be received now or after their delay.
    pub waiting: u64,
    /// Messages that a consumer has received and not deleted, and whose visibility time-out still
    /// runs.
    pub in_flight: u64,
}

impl Depth {
    /// Returns whether the queue holds no message.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.waiting + self.in_flight == 0
    }
}

impl StackQueue {
    pub(super) fn new(aws: Arc<Aws>, url: String) -> Self {
        Self { aws, url }
    }

    /// Sends messages, ten in each request.
    ///
    /// # Errors
    ///
    /// [`StackError::Queue`] if SQS does not accept one.
    pub async fn send(&self, bodies: Vec<String>) -> Result<(), StackError> {
        Ok(Queue::new(Arc::clone(&self.aws), self.url.clone()).send_all(bodies).await?)
    }

    /// Returns the number of messages in the queue.
    ///
    /// # Errors
    ///
    /// [`StackError::Sqs`] if SQS does not return the queue's attributes.
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
