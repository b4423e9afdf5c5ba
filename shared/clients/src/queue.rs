//! Messages to SQS, with a limit on the wait.

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use aws_sdk_sqs::config::http::HttpRequest;
use aws_sdk_sqs::types::{MessageAttributeValue, SendMessageBatchRequestEntry};
use penstock_domain::config::{ConfigError, Env};
use penstock_domain::fetch_request::FetchRequest;
use penstock_domain::trace::TRACEPARENT;
use penstock_telemetry::work::{SENT_BY, Work};

use crate::aws::Aws;

/// A message could not be sent. Its content is in Postgres, and `relay` sends it again.
#[derive(Debug, thiserror::Error)]
#[error("cannot send to the queue {queue}")]
pub struct QueueError {
    queue: String,
    #[source]
    source: Box<dyn std::error::Error + Send + Sync>,
}

impl QueueError {
    /// Creates the error of a `queue` that did not take a message because of `source`.
    pub fn new(queue: &str, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Self { queue: queue.to_owned(), source: source.into() }
    }
}

/// A queue that takes messages: SQS, or a queue in memory in tests.
pub trait Outlet: Send + Sync {
    /// Sends one message, to be delivered after `delay` (at most 15 minutes).
    ///
    /// # Errors
    /// [`QueueError`] if the queue does not take it.
    fn send(
        &self,
        body: String,
        delay: Duration,
    ) -> impl Future<Output = Result<(), QueueError>> + Send;

    /// Sends all messages, in batches.
    ///
    /// # Errors
    /// [`QueueError`] if one of them is not taken. Others may have been sent.
    fn send_all(&self, bodies: Vec<String>) -> impl Future<Output = Result<(), QueueError>> + Send;
}

/// The reason why a queue did not take a message in time.
#[derive(Debug, thiserror::Error)]
pub enum NotTaken {
    /// The queue refuses it.
    #[error(transparent)]
    Refused(#[from] QueueError),
    /// The queue does not answer in time.
    #[error("the queue is silent")]
    Silent,
}

/// Sends messages, and waits for the queue no longer than the given time. The caller's reply must
/// not hang on it.
///
/// # Errors
/// [`NotTaken`] if one of them may not have been taken.
pub async fn offer(
    queue: &impl Outlet,
    bodies: Vec<String>,
    patience: Duration,
) -> Result<(), NotTaken> {
    if bodies.is_empty() {
        return Ok(());
    }
    Ok(tokio::time::timeout(patience, queue.send_all(bodies))
        .await
        .map_err(|_| NotTaken::Silent)??)
}

/// An SQS queue that messages are sent to.
#[derive(Debug, Clone)]
pub struct Queue {
    aws: Arc<Aws>,
    url: String,
    /// The queue of those requests to `fetch` that are served within a minute.
    quick_url: Option<String>,
    /// Whether messages do not tell which invocation has sent them.
    begins_lineage: bool,
}

/// The header by which the SDK tells SQS, and SQS tells Lambda, which chain of invocations a
/// message belongs to.
const LINEAGE: &str = "x-amzn-trace-id";

/// SQS takes this many messages in one request.
const BATCH: usize = 10;

/// SQS delays a message by at most this long.
pub const MAX_DELAY: Duration = Duration::from_secs(900);

impl Queue {
    /// Creates the queue at `url`.
    pub fn new(aws: Arc<Aws>, url: String) -> Self {
        Self { aws, url, quick_url: None, begins_lineage: false }
    }

    /// Creates the queues of `fetch`, whose URLs are in `FETCH_REQUESTS_QUEUE_URL` and
    /// `QUICK_REQUESTS_QUEUE_URL`. Each request goes to the one of its kind.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] if one of them is not set.
    pub fn of_fetch(aws: Arc<Aws>, env: &Env) -> Result<Self, ConfigError> {
        let quick_url = Some(env.required("QUICK_REQUESTS_QUEUE_URL")?);
        Ok(Self { quick_url, ..Self::new(aws, env.required("FETCH_REQUESTS_QUEUE_URL")?) })
    }

    /// Makes each message begin a chain of invocations of its own. Lambda counts how often a
    /// function is in one chain, and takes many times for a loop (trap 66).
    #[must_use]
    pub fn beginning_lineages(self) -> Self {
        Self { begins_lineage: true, ..self }
    }

    /// Removes the header that the SDK has set, if messages begin a lineage.
    fn set_lineage(&self, request: &mut HttpRequest) {
        if self.begins_lineage {
            request.headers_mut().remove(LINEAGE);
        }
    }

    fn url_of(&self, body: &str) -> &str {
        self.quick_url.as_deref().filter(|_| is_quick(body)).unwrap_or(&self.url)
    }

    fn error(&self, source: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> QueueError {
        QueueError::new(&self.url, source)
    }
}

impl Outlet for Queue {
    async fn send(&self, body: String, delay: Duration) -> Result<(), QueueError> {
        let seconds = i32::try_from(delay.min(MAX_DELAY).as_secs()).unwrap_or(0);
        let sqs = self.aws.sqs().await;
        let send = sqs
            .send_message()
            .queue_url(self.url_of(&body))
            .message_body(&body)
            .set_message_attributes(self.attributes()?)
            .delay_seconds(seconds)
            .customize();
        let this = self.clone();
        let send = send.mutate_request(move |request| this.set_lineage(request));
        // Boxed: the SDK's futures are kilobytes each.
        Box::pin(send.send()).await.map(drop).map_err(|e| self.error(e))
    }

    /// Sends ten messages a request.
    async fn send_all(&self, bodies: Vec<String>) -> Result<(), QueueError> {
        if let [body] = bodies.as_slice() {
            return self.send(body.clone(), Duration::ZERO).await;
        }
        let (quick, others): (Vec<_>, Vec<_>) =
            bodies.into_iter().partition(|body| self.url_of(body) != self.url);
        for bodies in [quick, others] {
            let Some(url) = bodies.first().map(|body| self.url_of(body)) else { continue };
            self.send_to(url, &bodies).await?;
        }
        Ok(())
    }
}

impl Queue {
    /// Returns what a message says of the work that sends it: its trace, and its function. They are
    /// labels of log lines, and nothing is decided by them.
    fn attributes(&self) -> Result<Option<HashMap<String, MessageAttributeValue>>, QueueError> {
        let Some(work) = Work::current() else { return Ok(None) };
        let text = |text: String| {
            let text = MessageAttributeValue::builder().data_type("String").string_value(text);
            text.build().map_err(|e| self.error(e))
        };
        let trace = (TRACEPARENT.to_owned(), text(work.trace.traceparent())?);
        let sent_by = (SENT_BY.to_owned(), text(work.function.to_owned())?);
        Ok(Some(HashMap::from([trace, sent_by])))
    }

    async fn send_to(&self, url: &str, bodies: &[String]) -> Result<(), QueueError> {
        let sqs = self.aws.sqs().await;
        let attributes = self.attributes()?;
        for chunk in bodies.chunks(BATCH) {
            let mut entries = Vec::with_capacity(chunk.len());
            for (i, body) in chunk.iter().enumerate() {
                let entry = SendMessageBatchRequestEntry::builder()
                    .id(i.to_string())
                    .message_body(body)
                    .set_message_attributes(attributes.clone())
                    .build();
                entries.push(entry.map_err(|e| self.error(e))?);
            }
            let send = sqs.send_message_batch().queue_url(url).set_entries(Some(entries));
            let this = self.clone();
            let send = send.customize().mutate_request(move |request| this.set_lineage(request));
            let sent = Box::pin(send.send()).await.map_err(|e| self.error(e))?;
            if let Some(failed) = sent.failed().first() {
                return Err(self.error(failed.code().to_owned()));
            }
        }
        Ok(())
    }
}

/// Whether a message is a request to `fetch` that is served within a minute.
fn is_quick(body: &str) -> bool {
    let request: Result<FetchRequest, _> = serde_json::from_str(body);
    request.is_ok_and(|request| request.mode.is_quick())
}
