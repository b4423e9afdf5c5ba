//! Mail by SES, as HTML and as plain text.

use std::sync::Arc;

use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message as Letter};
use penstock_domain::config::{ConfigError, Env};
use penstock_domain::digest::Message;

use super::refusal::in_time;
use super::{Channel, NotSent, Sending};
use crate::aws::Aws;

/// SES takes this many recipients of one mail.
const MOST_RECIPIENTS: usize = 50;

/// Mail from one address to some others.
#[derive(Debug)]
pub struct Mail {
    aws: Arc<Aws>,
    from: String,
    to: Vec<String>,
}

impl Mail {
    /// Creates the channel of `DIGEST_MAIL_FROM` and of the addresses in `DIGEST_MAIL_TO`, which
    /// commas separate. `None` if neither is set.
    ///
    /// # Errors
    /// [`ConfigError`] if one of them is missing, or has what no address has.
    pub fn from_env(env: &Env, aws: &Arc<Aws>) -> Result<Option<Self>, ConfigError> {
        const TO: &str = "DIGEST_MAIL_TO";
        const FROM: &str = "DIGEST_MAIL_FROM";
        if env.optional(TO).is_none() && env.optional(FROM).is_none() {
            return Ok(None);
        }
        let from = address(FROM, &env.required(FROM)?)?;
        let to = env.required(TO)?;
        let to = to.split(',').map(|one| address(TO, one)).collect::<Result<Vec<_>, _>>()?;
        if to.len() > MOST_RECIPIENTS {
            return Err(invalid(TO, "it has more than 50 addresses"));
        }
        Ok(Some(Self { aws: Arc::clone(aws), from, to }))
    }

    async fn post(&self, message: &Message) -> Result<(), NotSent> {
        let part = |text: &str| Content::builder().data(text).charset("UTF-8").build();
        let unmade = |_| NotSent::Refused("no request can be made".to_owned());
        let body = Body::builder()
            .text(part(&message.text).map_err(unmade)?)
            .html(part(&message.html).map_err(unmade)?)
            .build();
        let letter =
            Letter::builder().subject(part(&message.subject).map_err(unmade)?).body(body).build();
        let send = self.aws.ses().await.send_email();
        let send = send
            .from_email_address(&self.from)
            .destination(Destination::builder().set_to_addresses(Some(self.to.clone())).build())
            .content(EmailContent::builder().simple(letter).build());
        in_time(send.send()).await
    }
}

impl Channel for Mail {
    fn name(&self) -> &'static str {
        "mail"
    }

    fn send<'a>(&'a self, message: &'a Message) -> Sending<'a> {
        Box::pin(self.post(message))
    }
}

/// Returns an address without the space around it.
fn address(name: &str, text: &str) -> Result<String, ConfigError> {
    let text = text.trim();
    let is_plain = !text.contains(|c: char| c.is_control() || c.is_whitespace());
    match text.split_once('@') {
        Some((user, host)) if is_plain && !user.is_empty() && host.contains('.') => {
            Ok(text.to_owned())
        }
        _ => Err(invalid(name, "it has what is no mail address")),
    }
}

fn invalid(name: &str, reason: &str) -> ConfigError {
    ConfigError::Invalid { name: name.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn made(settings: &[(&str, &str)]) -> Result<Option<Mail>, ConfigError> {
        Mail::from_env(&settings.iter().copied().collect(), &Arc::default())
    }

    #[test]
    fn mail_needs_both_addresses_or_none_and_they_are_addresses() {
        assert!(made(&[]).unwrap().is_none());
        let (from, to) = ("DIGEST_MAIL_FROM", "DIGEST_MAIL_TO");
        let mail = made(&[(from, "ops@example.com"), (to, "a@example.com, b@example.com")]);
        assert_eq!(mail.unwrap().unwrap().to, ["a@example.com", "b@example.com"]);
        assert!(made(&[(from, "ops@example.com")]).is_err());
        assert!(made(&[(to, "ops@example.com")]).is_err());
        for bad in ["a@example.com,", "a", "@example.com", "a@b", "a@b.c\r\nBcc: d@e.f"] {
            assert!(made(&[(from, "ops@example.com"), (to, bad)]).is_err(), "{bad}");
        }
    }
}
