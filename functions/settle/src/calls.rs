//! The limit on calls to the third party, and its circuit. Neither costs a transaction an attempt:
//! its step is put off.

use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use jiff::Timestamp;
use penstock_clients::outgoing::Reply;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_domain::config::{ConfigError, Env};
use penstock_domain::connection::THIRD_PARTY;
use penstock_domain::third_party::Verdict;
use penstock_edge::telemetry::chain;
use penstock_store::circuits::{self, Failure};
use penstock_store::{StoreError, call_windows};

use crate::Ports;

/// Calls a second of all environments together, unless set otherwise.
const PER_SECOND: u32 = 50;

/// The circuit opens when so many calls of an environment have failed in a row. A third party that
/// fails now and then is asked on.
const FAILURES: u32 = 5;

/// The call after a rest is the only one for so long. A longer time would put off steps that come
/// while it is under way, though it ends well.
const PROBE: Duration = Duration::from_secs(5);

/// The limit on calls to the third party.
#[derive(Debug)]
pub struct Calls {
    per_second: u32,
    /// The calls in a row that have failed, in this environment.
    failures: AtomicU32,
}

impl Calls {
    /// `THIRD_PARTY_RATE_PER_SECOND`: 50 unless set otherwise.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if it is no number, or zero.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let per_second = env.parsed_or("THIRD_PARTY_RATE_PER_SECOND", PER_SECOND)?;
        if per_second == 0 {
            let (name, reason) = ("THIRD_PARTY_RATE_PER_SECOND", "nothing would be asked");
            return Err(ConfigError::Invalid { name: name.to_owned(), reason: reason.to_owned() });
        }
        Ok(Self { per_second, failures: AtomicU32::new(0) })
    }
}

/// Whether the third party may be called now.
pub(crate) enum Admitted {
    /// It may. The number is how often its circuit has opened in a row: the call finds out whether
    /// it is at work again.
    Now { known: u32 },
    /// Not before this instant.
    At(Timestamp),
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Returns whether the third party may be called now. Of the first calls after a rest, one is
    /// let through.
    pub(crate) async fn admit(&self, now: Timestamp) -> Result<Admitted, StoreError> {
        self.database.in_time(self.ask_to_call(now)).await
    }

    async fn ask_to_call(&self, now: Timestamp) -> Result<Admitted, StoreError> {
        let connection = self.database.connection().await?;
        let on = &**connection;
        let mut known = 0;
        if let Some(circuit) = circuits::of(on, THIRD_PARTY).await? {
            if circuit.rests_until > now {
                return Ok(Admitted::At(spread(circuit.rests_until)));
            }
            match circuits::probe(on, THIRD_PARTY, now, now + PROBE).await? {
                Some(failures) => known = failures,
                None => return Ok(Admitted::At(spread(now + Duration::from_secs(1)))),
            }
        }
        Ok(match call_windows::take(on, THIRD_PARTY, self.calls.per_second, now).await? {
            Ok(()) => Admitted::Now { known },
            Err(pause) => Admitted::At(spread(now + pause)),
        })
    }

    /// Keeps the circuit by the reply to a call. If that fails, the next call learns the same.
    pub(crate) async fn learn(&self, reply: &Reply, known: u32) {
        if let Err(error) = self.keep_circuit(reply, known).await {
            tracing::warn!(event = "circuit_not_kept", error = chain(&error));
        }
    }

    async fn keep_circuit(&self, reply: &Reply, known: u32) -> Result<(), StoreError> {
        if reply.is_sound() {
            self.calls.failures.store(0, Ordering::Relaxed);
            if known > 0 {
                tracing::info!(event = "third_party_answers", failures = known);
                let closing = async {
                    let connection = self.database.connection().await?;
                    circuits::close(&**connection, THIRD_PARTY).await
                };
                self.database.in_time(closing).await?;
            }
            return Ok(());
        }
        let failures = self.calls.failures.fetch_add(1, Ordering::Relaxed) + 1;
        // A key that is not good, or too many calls: the next ones fare no better.
        let is_of_all = matches!(reply.verdict, Verdict::Unauthorized | Verdict::Busy);
        if known == 0 && failures < FAILURES && !is_of_all {
            return Ok(());
        }
        let now = self.clock.now();
        let asked_for = reply.pause.unwrap_or_default();
        let failure = Failure { known, why: &reply.words, asked_for };
        let opening = async {
            let connection = self.database.connection().await?;
            circuits::open(&**connection, THIRD_PARTY, failure, now).await
        };
        if let Some(rest) = self.database.in_time(opening).await? {
            let (failures, rest_s, error) = (known + 1, rest.as_secs(), reply.words.as_str());
            tracing::warn!(event = "third_party_rests", failures, rest_s, error);
        }
        Ok(())
    }
}

/// Spreads the steps that wait for the same instant over the second after it.
fn spread(at: Timestamp) -> Timestamp {
    at + Duration::from_millis(fastrand::u64(..1_000))
}
