//! Messages to people: by mail, over a topic, into a chat.
//!
//! A channel sends a message once. Its error says whether the message can have gone out all the
//! same, because only its caller knows what a second one costs.

mod chat;
mod mail;
mod refusal;
mod topic;

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::time::Duration;

use penstock_domain::clock::Clock;
use penstock_domain::config::{ConfigError, Env};
use penstock_domain::digest::Message;

use crate::aws::Aws;
pub use chat::Chat;
pub use mail::{Mail, Post, Postbox};
pub use topic::Topic;

/// A message was not sent, or nobody knows whether it was.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotSent {
    /// It was not sent, and can be sent later.
    #[error("not sent yet: {reason}")]
    Later {
        /// The reason, without the message.
        reason: String,
        /// The pause that the channel asks for.
        pause: Option<Duration>,
    },
    /// It was not sent, and the same request has no better chance later.
    #[error("refused: {0}")]
    Refused(String),
    /// The request went out, and no answer came that says what became of it.
    #[error("nobody knows whether it was sent: {0}")]
    Unsure(String),
}

/// A message under way.
pub type Sending<'a> = Pin<Box<dyn Future<Output = Result<(), NotSent>> + Send + 'a>>;

/// A way to tell people something.
pub trait Channel: Send + Sync {
    /// Returns the name, which stays the same from release to release.
    fn name(&self) -> &'static str;

    /// Sends a message, once.
    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a>;
}

/// Returns the channels that the environment names: `DIGEST_MAIL_FROM` and `DIGEST_MAIL_TO`,
/// `DIGEST_TOPIC_ARN`, and the secret `DIGEST_CHAT_SECRET_ARN` (local runs: `DIGEST_CHAT_URL`).
///
/// # Errors
/// [`ConfigError`] if one of the two addresses is missing or is no address.
pub fn from_env<C: Clock + 'static>(
    env: &Env,
    aws: &Arc<Aws>,
    clock: C,
) -> Result<Vec<Box<dyn Channel>>, ConfigError> {
    let mut channels: Vec<Box<dyn Channel>> = Vec::new();
    if let Some(mail) = Mail::from_env(env, aws)? {
        channels.push(Box::new(mail));
    }
    if let Some(arn) = env.optional("DIGEST_TOPIC_ARN") {
        channels.push(Box::new(Topic::new(Arc::clone(aws), arn)));
    }
    if let Some(chat) = Chat::from_env(env, aws, clock) {
        channels.push(Box::new(chat));
    }
    Ok(channels)
}
