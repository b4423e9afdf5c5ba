//! Mail by SES, as HTML and as plain text.

use std::sync::Arc;

use aws_sdk_sesv2::types::{Body, Content, Destination, EmailContent, Message as Letter};
use penstock_domain::account;
use penstock_domain::config::{ConfigError, Env};
use penstock_domain::digest::Message;

use super::refusal::in_time;
use super::{Channel, NotSent, Sending};
use crate::aws::Aws;

/// The variable that names the sender.
const FROM: &str = "DIGEST_MAIL_FROM";

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
        let Message { subject, text, html, .. } = message;
        send(&self.aws, &self.from, self.to.clone(), [subject, text, html]).await
    }
}

/// Sends one mail of a subject, a plain text and a page.
async fn send(
    aws: &Aws,
    from: &str,
    to: Vec<String>,
    [subject, text, html]: [&str; 3],
) -> Result<(), NotSent> {
    let part = |text: &str| Content::builder().data(text).charset("UTF-8").build();
    let unmade = |_| NotSent::Refused("no request can be made".to_owned());
    let body =
        Body::builder().text(part(text).map_err(unmade)?).html(part(html).map_err(unmade)?).build();
    let letter = Letter::builder().subject(part(subject).map_err(unmade)?).body(body).build();
    let send = aws
        .ses()
        .await
        .send_email()
        .from_email_address(from)
        .destination(Destination::builder().set_to_addresses(Some(to)).build())
        .content(EmailContent::builder().simple(letter).build());
    in_time(send.send()).await
}

/// Sends mails to single people, from the address that the digest has too.
pub trait Post: Send + Sync {
    /// Sends a mail to an address, once.
    fn post<'a>(&'a self, to: &'a str, letter: &'a account::letter::Letter) -> Sending<'a>;
}

/// Mail by SES to one person at a time.
#[derive(Debug)]
pub struct Postbox {
    aws: Arc<Aws>,
    from: String,
}

impl Postbox {
    /// Creates the sender of mails from `DIGEST_MAIL_FROM`. `None` if it is not set.
    ///
    /// # Errors
    /// [`ConfigError`] if it has what no address has.
    pub fn from_env(env: &Env, aws: &Arc<Aws>) -> Result<Option<Self>, ConfigError> {
        let Some(from) = env.optional(FROM) else { return Ok(None) };
        Ok(Some(Self { aws: Arc::clone(aws), from: address(FROM, &from)? }))
    }
}

impl Post for Postbox {
    fn post<'a>(&'a self, to: &'a str, letter: &'a account::letter::Letter) -> Sending<'a> {
        let account::letter::Letter { subject, text, html } = letter;
        Box::pin(send(&self.aws, &self.from, vec![to.to_owned()], [subject, text, html]))
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
    fn mails_to_single_people_need_a_sender_only() {
        let postbox = |settings: &[(&str, &str)]| {
            Postbox::from_env(&settings.iter().copied().collect(), &Arc::default())
        };
        assert!(postbox(&[]).unwrap().is_none());
        let made = postbox(&[("DIGEST_MAIL_FROM", "ops@example.com")]).unwrap();
        assert_eq!(made.unwrap().from, "ops@example.com");
        assert!(postbox(&[("DIGEST_MAIL_FROM", "ops")]).is_err());
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
