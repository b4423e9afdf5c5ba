//! A topic of SNS. Its subscribers by mail get plain text.

use std::sync::Arc;

use penstock_domain::digest::Message;

use super::refusal::in_time;
use super::{Channel, NotSent, Sending};
use crate::aws::Aws;

/// SNS refuses a longer subject, and one that is not ASCII.
const LONGEST_SUBJECT: usize = 99;

/// A topic by its ARN.
#[derive(Debug)]
pub struct Topic {
    aws: Arc<Aws>,
    arn: String,
}

impl Topic {
    /// Creates the channel of a topic.
    #[must_use]
    pub fn new(aws: Arc<Aws>, arn: String) -> Self {
        Self { aws, arn }
    }

    async fn publish(&self, message: &Message) -> Result<(), NotSent> {
        let publish = self.aws.sns().await.publish().topic_arn(&self.arn);
        let publish = publish.subject(subject(&message.subject)).message(&message.text);
        in_time(publish.send()).await
    }
}

impl Channel for Topic {
    fn name(&self) -> &'static str {
        "topic"
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(self.publish(message))
    }
}

/// Returns a subject that SNS takes: it begins with a letter or a digit.
fn subject(text: &str) -> String {
    let ascii = text.chars().map(|c| if c.is_ascii_graphic() || c == ' ' { c } else { '?' });
    let subject: String =
        ascii.skip_while(|c| !c.is_ascii_alphanumeric()).take(LONGEST_SUBJECT).collect();
    if subject.is_empty() { "Penstock".to_owned() } else { subject }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_is_short_ascii_without_control_characters() {
        assert_eq!(subject("prod: nothing to do"), "prod: nothing to do");
        assert_eq!(subject("\n prod: Zoë\r\nBcc"), "prod: Zo???Bcc");
        assert_eq!(subject(&"a".repeat(300)).len(), LONGEST_SUBJECT);
        assert_eq!(subject("\u{1f600}"), "Penstock");
    }
}
