//! The third party and the client of a deployed stack, on the real clock.

use std::io;
use std::sync::Mutex;
use std::time::Duration;

use fastrand::Rng;
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use serde_json::json;
use tokio::task::JoinSet;
use uuid::{Builder, Uuid};

use super::gateway::Gateway;
use super::spec::Secrets;
use super::{Reply, StackError};
use crate::clock::SetClock;
use crate::loopback::lock;
use crate::simulators::third_party::{
    ClientFault, Fate, Fault, Manners, NotifiedClient, Status, ThirdPartySimulator, Weather, When,
};

/// The secret that signs what the client is told.
const NOTIFY_SECRET: &str = "whsec_bm90aWZpY2F0aW9ucyBvZiBhIHN0YWNr";

/// The pause between two readings of the real clock.
const TICK: Duration = Duration::from_millis(50);

/// The longest time between a decision and its call-back.
const DELAY: Duration = Duration::from_secs(1);

/// A third party that misbehaves by chance, and a client that is told. Both listen on loopback
/// until they are dropped.
pub struct Parties {
    pub third_party: ThirdPartySimulator,
    pub client: NotifiedClient,
    posted: Mutex<Posted>,
    /// Sets their clock. It ends with the set.
    _ticking: JoinSet<()>,
}

struct Posted {
    random: Rng,
    ids: Vec<Uuid>,
}

impl Parties {
    /// Starts both on free ports, within a Tokio runtime. All chances and ids are drawn by `seed`.
    ///
    /// # Errors
    ///
    /// No port is free.
    pub fn start(seed: u64) -> io::Result<Self> {
        let clock = SetClock::at(SystemClock.now());
        let third_party = ThirdPartySimulator::start(seed, &clock)?;
        third_party.terms(|terms| {
            terms.visibility_lag = Duration::from_secs(2);
            terms.fates = fates();
        });
        let [never, twice, older_after] = [300, 300, 200];
        third_party.manners(Manners {
            never,
            twice,
            older_after,
            delay: DELAY,
            again_after: DELAY,
            ..Manners::default()
        });
        third_party.weather(weather());
        third_party.faults().next("POST", Fault::Refused(422));
        let client = NotifiedClient::start(seed, &clock, &[NOTIFY_SECRET])?;
        // A message that fails twice waits for a minute. These are about different transactions,
        // because a rule counts only requests that no earlier one has failed.
        for fault in [ClientFault::ReplyLost, ClientFault::Status(500), ClientFault::Reset] {
            client.faults().at(12, "/", fault);
        }
        let mut ticking = JoinSet::new();
        ticking.spawn(async move {
            loop {
                clock.set(SystemClock.now());
                SystemClock.sleep(TICK).await;
            }
        });
        let posted = Mutex::new(Posted { random: Rng::with_seed(seed), ids: Vec::new() });
        Ok(Self { third_party, client, posted, _ticking: ticking })
    }

    /// Adds their keys to the secrets of a stack.
    #[must_use]
    pub fn secrets(&self, others: Secrets) -> Secrets {
        Secrets {
            third_party_key: Some(self.third_party.key()),
            call_back: Some(ThirdPartySimulator::secret().to_owned()),
            notify: Some(NOTIFY_SECRET.to_owned()),
            ..others
        }
    }

    /// Returns their URLs and terms as parameters of the template. The pauses are short: the
    /// default ones would take minutes.
    #[must_use]
    pub fn parameters(&self) -> Vec<(&'static str, String)> {
        let terms = [
            ("NotifyPrivateAddresses", "allowed"),
            ("ThirdPartyMostSubmissions", "10"),
            ("ThirdPartyTimeoutSeconds", "4"),
            ("ThirdPartyRequestLivesSeconds", "12"),
            ("ThirdPartyVisibilityLagSeconds", "15"),
            ("ThirdPartyResubmitAfterSeconds", "1"),
            ("ThirdPartyLongestPollSeconds", "1"),
        ];
        let urls =
            [("ThirdPartyBaseUrl", self.third_party.url()), ("NotifyUrl", self.client.url())];
        let terms = terms.map(|(name, value)| (name, value.to_owned()));
        urls.into_iter().chain(terms).collect()
    }

    /// Posts a new transaction, twice, as a client does that got no reply.
    ///
    /// # Errors
    ///
    /// [`StackError::Status`] if it is not taken, [`StackError::Http`] if there is no reply.
    pub async fn post(&self, gateway: &Gateway, key: &str) -> Result<(), StackError> {
        let id = {
            let mut posted = lock(&self.posted);
            let id = Builder::from_random_bytes(posted.random.u128(..).to_be_bytes()).into_uuid();
            // Before it is sent: the reply may be lost.
            posted.ids.push(id);
            id
        };
        let body = json!({"id": id, "amount": "10.10", "currency": "EUR"}).to_string();
        let headers = [("X-Api-Key", key), ("Content-Type", "application/json")];
        for _ in 0..2 {
            let path = "/transactions";
            let Reply { status, body, .. } = gateway.post(path, &headers, body.clone()).await?;
            if !(200..=202).contains(&status) {
                return Err(StackError::Status { path: path.to_owned(), status, body });
            }
        }
        Ok(())
    }

    /// Returns the ids of all transactions that were posted.
    #[must_use]
    pub fn posted(&self) -> Vec<Uuid> {
        lock(&self.posted).ids.clone()
    }

    /// Delivers the call-backs that are due. The third party sends again what was not taken.
    pub async fn call_back(&self, gateway: &Gateway) {
        for call_back in self.third_party.due_call_backs() {
            let headers = call_back.headers.iter();
            let headers: Vec<_> = headers.map(|(name, value)| (*name, value.as_str())).collect();
            let body = String::from_utf8_lossy(&call_back.body).into_owned();
            let reply = gateway.post("/webhooks/transactions", &headers, body).await;
            if !reply.is_ok_and(|reply| (200..300).contains(&reply.status)) {
                self.third_party.take_back(call_back);
            }
        }
    }

    /// Compares the final `status` of a transaction with the third party's own book, and with the
    /// messages that the client has kept. Returns the difference; `None` if there is none.
    #[must_use]
    pub fn difference(&self, id: &Uuid, status: &str) -> Option<String> {
        let entry = self.third_party.entry(id);
        let effects = entry.as_ref().map_or(0, |entry| entry.effects.len());
        let theirs = entry.map_or("nothing", |entry| match entry.refused {
            Some(_) => "failed",
            None => entry.status.as_str(),
        });
        let told = self.client.told_of(id);
        let forged = self.client.heard_of(id).iter().any(|heard| heard.signed_by.is_empty());
        let is_right = theirs == status && effects <= 1 && told == [status] && !forged;
        (!is_right).then(|| {
            let signature = if forged { ", once without a good signature" } else { "" };
            format!(
                "{id} is {status}; the third party has {theirs}, submitted {effects} times in effect; \
                 the client was told {told:?}{signature}"
            )
        })
    }
}

/// Returns the fates of transactions, with their weights.
fn fates() -> Vec<(Fate, u32)> {
    let second = When::After(Duration::from_secs(1));
    vec![
        (Fate::new(Status::Completed, When::AtOnce), 4),
        (Fate::new(Status::Completed, second), 3),
        (Fate::new(Status::Declined, second), 2),
        (Fate::new(Status::Failed, When::Asked(2)), 1),
    ]
}

/// Returns a weather in which a quarter of the submissions and a fifth of the questions fail.
fn weather() -> Weather {
    let submissions = vec![
        (Fault::CutAfter, 40),
        (Fault::TimedOutAfter, 40),
        (Fault::Late(Duration::from_secs(1)), 40),
        (Fault::Before(500), 40),
        (Fault::ResetBefore, 40),
        (Fault::Garbage, 30),
        (Fault::HeldAfter, 10),
        (Fault::TooMany(1), 10),
    ];
    let questions =
        [Fault::CutAfter, Fault::Before(504), Fault::ResetBefore, Fault::Garbage, Fault::Hidden];
    Weather { submissions, questions: questions.map(|fault| (fault, 40)).to_vec() }
}
