//! The mails to people who have forgotten their password. A schedule invokes this once a minute, if
//! mail is set up.

use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::sending::{NotSent, Post};
use penstock_domain::account::letter::Letter;
use penstock_domain::account::link::Kind;
use penstock_domain::audit::Action;
use penstock_domain::clock::{Clock, earlier};
use penstock_edge::http::Failure;
use penstock_edge::telemetry::chain;
use penstock_store::audit::{self, Actor, Entry};
use penstock_store::reset_requests::{self, Due};
use penstock_store::{StoreError, begin, commit, users};
use serde_json::{Value, json};

use crate::Ports;
use crate::link::{Made, Person, make};

/// The most mails of one invocation.
const MOST: i64 = 20;

/// A mail that was put off this often is given up: its sender has long asked anew.
const ATTEMPTS: i32 = 5;

/// No mail is begun later than this before Lambda ends the function: a request takes 10 s at most.
const MARGIN: Duration = Duration::from_secs(12);

/// The outcome of a request.
enum Outcome {
    Sent,
    /// There is no such account, so there is nothing to send.
    Nobody,
    /// It is tried again later.
    PutOff,
    GivenUp,
}

impl<C: Clock> Ports<C> {
    /// Sends the mails that are due, and returns how many.
    pub(crate) async fn send_mails(&self, invocation: &str, deadline: Timestamp) -> Value {
        let (mut sent, mut not_sent) = (0, 0);
        let stop_at = earlier(deadline, MARGIN);
        let claim = async {
            let connection = self.database.connection().await?;
            reset_requests::claim(&**connection, self.clock.now(), MOST).await
        };
        let due = match self.database.in_time::<_, StoreError>(claim).await {
            Ok(due) => due,
            Err(error) => {
                tracing::error!(
                    event = "mails_not_found",
                    request_id = invocation,
                    error = chain(&error)
                );
                Vec::new()
            }
        };
        for due in due {
            // What is claimed and not begun is due again in a few minutes.
            if self.clock.now() >= stop_at {
                break;
            }
            match self.send_one(&due, invocation).await {
                Ok(Outcome::Sent) => sent += 1,
                Ok(Outcome::Nobody) => {}
                Ok(Outcome::PutOff | Outcome::GivenUp) => not_sent += 1,
                Err(failure) => {
                    let error = failure.chain();
                    tracing::error!(event = "mail_not_sent", request_id = invocation, error);
                    not_sent += 1;
                }
            }
        }
        if sent + not_sent > 0 {
            tracing::info!(event = "mailed", request_id = invocation, sent, not_sent);
        }
        json!({ "sent": sent, "notSent": not_sent })
    }

    async fn send_one(&self, due: &Due, invocation: &str) -> Result<Outcome, Failure> {
        let outcome = match &self.mail {
            None => Outcome::GivenUp,
            Some(mail) => match self.reset_link(due, invocation).await? {
                None => Outcome::Nobody,
                Some(made) => self.post(mail.as_ref(), due, &made, invocation).await,
            },
        };
        if !matches!(outcome, Outcome::PutOff) {
            let settle = async {
                let connection = self.database.connection().await?;
                reset_requests::settle(&**connection, &due.email).await
            };
            self.database.in_time::<_, StoreError>(settle).await?;
        }
        Ok(outcome)
    }

    /// Makes the link of a mail; `None` if there is no account that can be signed in to.
    async fn reset_link(&self, due: &Due, invocation: &str) -> Result<Option<Made>, Failure> {
        let now = self.clock.now();
        let work = async {
            let mut connection = self.database.connection().await?;
            let tx = begin(&mut connection).await?;
            let user = users::lock_email(&tx, &due.email).await?;
            let Some(user) = user.filter(|user| user.disabled_at.is_none()) else {
                return Ok(None);
            };
            let person = Person { email: &due.email, role: None, user_id: Some(user.id) };
            let made = make(&tx, Kind::Reset, person, now).await?;
            let object = user.id.to_string();
            let entry = Entry::new(Actor::System, Action::LinkMade, &object, invocation, now);
            audit::write(&tx, &entry).await?;
            commit(tx).await?;
            Ok::<_, Failure>(Some(made))
        };
        self.database.in_time(work).await
    }

    async fn post(&self, mail: &dyn Post, due: &Due, made: &Made, invocation: &str) -> Outcome {
        let base = self.settings.public_base_url.as_deref().unwrap_or_default();
        let letter = Letter::with_link(made.kind, &made.url(base));
        let Err(error) = mail.post(due.email.as_str(), &letter).await else {
            return Outcome::Sent;
        };
        let (request_id, reason) = (invocation, error.to_string());
        if !matches!(error, NotSent::Refused(_)) && due.attempts < ATTEMPTS {
            tracing::warn!(event = "mail_put_off", request_id, reason);
            return Outcome::PutOff;
        }
        tracing::error!(event = "mail_not_sent", request_id, reason);
        Outcome::GivenUp
    }
}
