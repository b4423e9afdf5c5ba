//! The limits on tries of passwords (trap 58).

use std::time::Duration;

use jiff::Timestamp;
use penstock_domain::account::Email;
use penstock_domain::account::limits::{self, Bucket};
use penstock_domain::clock::Clock;
use penstock_edge::http::{Failure, Problem, Request};
use penstock_store::StoreError;
use penstock_store::sign_in_limits::{self, Counters};

use crate::Ports;
use crate::caller::address;
use crate::code::too_many;

/// The counters of an account, as the sender of a request meets them.
pub(crate) fn counters(email: &Email, request: &Request) -> Counters {
    Counters { account: limits::account(email), known: limits::known(email, address(request)) }
}

/// A refusal that says when to come again, in whole seconds.
fn wait(pause: Duration) -> Problem {
    let whole = pause.as_secs().saturating_add(u64::from(pause.subsec_nanos() > 0));
    too_many(u32::try_from(whole).unwrap_or(u32::MAX))
}

impl<C: Clock> Ports<C> {
    /// Lets a request of a network address through, or refuses it.
    pub(crate) async fn draw(
        &self,
        bucket: Bucket,
        request: &Request,
        now: Timestamp,
    ) -> Result<(), Failure> {
        let key = bucket.key(address(request));
        let draw = async {
            let connection = self.database.connection().await?;
            sign_in_limits::draw(&**connection, bucket, &key, now).await
        };
        self.admitted(self.database.in_time(draw).await?, bucket.name)
    }

    /// Lets an attempt at the password of an account through, or refuses it. It counts as wrong
    /// until [`sign_in_limits::settle`] says otherwise.
    pub(crate) async fn take(&self, of: &Counters, now: Timestamp) -> Result<(), Failure> {
        let take = async {
            let connection = self.database.connection().await?;
            sign_in_limits::take(&**connection, of, now).await
        };
        self.admitted(self.database.in_time::<_, StoreError>(take).await?, "account")
    }

    fn admitted(&self, answer: Result<(), Duration>, limit: &'static str) -> Result<(), Failure> {
        answer.map_err(|pause| {
            tracing::info!(event = "attempt_refused", limit);
            wait(pause).into()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_is_told_in_whole_seconds_that_are_never_too_few() {
        for (pause, seconds) in [(0, 1), (1, 1), (999, 1), (1000, 1), (1001, 2), (900_000, 900)] {
            let problem = wait(Duration::from_millis(pause));
            assert_eq!(problem.retry_after, Some(seconds), "{pause} ms");
        }
    }
}
