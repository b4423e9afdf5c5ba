//! A question to the database, answered only to those whose key may ask it.

use std::future::Future;

use http::HeaderMap;
use jiff::Timestamp;
use penstock_edge::http::{Access, Presented, Problem};
use penstock_store::admission::{Admission, Verdict};
use penstock_store::api_keys::Scope;
use penstock_store::{Database, StoreError};
use tokio_postgres::Client;

/// Something a route asks of the database.
pub(crate) trait Question: Sync {
    /// What comes back; none where the thing asked for does not exist.
    type Answer: Send;

    /// Whether it may be asked along with the key, before anybody knows whether the key is good. What
    /// could keep the database busy for long is not.
    fn is_cheap(&self) -> bool {
        true
    }

    /// Asks. May be called again where the connection broke: it only reads.
    fn ask(
        &self,
        on: &Client,
    ) -> impl Future<Output = Result<Option<Self::Answer>, StoreError>> + Send;
}

/// Why there is no answer.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The caller's doing.
    Problem(Problem),
    /// The database's.
    Store(StoreError),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// Seconds after which a caller may find the database again.
pub(crate) const RETRY_AFTER: u32 = 5;

impl Failure {
    /// What the caller may read of it.
    pub(crate) fn into_problem(self) -> Problem {
        match self {
            Self::Problem(problem) => problem,
            Self::Store(error) if error.is_unreachable() => Problem::unavailable(RETRY_AFTER),
            Self::Store(_) => Problem::internal(),
        }
    }
}

/// Asks, and lets the answer out only to a key that may read, and no oftener than it may. Where the key is not
/// remembered, it is looked up on the same connection in the same round trip.
///
/// # Errors
/// 401 and 429 before anything else, then what was wrong with the question, then 404.
pub(crate) async fn answer<Q: Question>(
    database: &Database,
    admission: &Admission,
    headers: &HeaderMap,
    question: Result<Q, Problem>,
    now: Timestamp,
) -> Result<Q::Answer, Failure> {
    let presented = Presented::in_headers(headers).ok_or_else(Problem::unauthorized)?;
    let door = match admission.at_once(&presented.sha256, now) {
        Some(verdict) => {
            permit(&presented, verdict)?;
            None
        }
        None => Some(admission),
    };
    match attempt(database, door, &presented, &question, now).await {
        // The peer hung up between checkout and reply (trap 44); whatever this asks, it only reads.
        Err(Failure::Store(error)) if error.is_broken_connection() => {
            attempt(database, door, &presented, &question, now).await
        }
        outcome => outcome,
    }
}

/// `door` is none for a key that is through it already.
async fn attempt<Q: Question>(
    database: &Database,
    door: Option<&Admission>,
    presented: &Presented,
    question: &Result<Q, Problem>,
    now: Timestamp,
) -> Result<Q::Answer, Failure> {
    let connection = database.connection().await?;
    let client: &Client = &connection;
    let entry = async {
        match door {
            Some(door) => permit(presented, door.admit_on(client, &presented.sha256, now).await?)
                .map_err(Failure::from),
            None => Ok(()),
        }
    };
    let answer = match question {
        Ok(question) if question.is_cheap() => {
            let (entered, answer) = tokio::join!(entry, question.ask(client));
            entered?;
            answer?
        }
        Ok(question) => {
            entry.await?;
            question.ask(client).await?
        }
        Err(problem) => {
            entry.await?;
            return Err(problem.clone().into());
        }
    };
    answer.ok_or_else(|| Problem::not_found("There is no such thing.").into())
}

/// Whether the key that was found, if any, is the presented one, may read, and may do so now.
fn permit(presented: &Presented, verdict: Verdict) -> Result<(), Problem> {
    match verdict {
        Verdict::Admitted(key) if presented.is(&key.sha256) => {
            match (presented.access, key.scope) {
                (Access::Key, Scope::Read) | (Access::AdminKey, Scope::Admin) => Ok(()),
                _ => Err(Problem::unauthorized()),
            }
        }
        Verdict::Admitted(_) | Verdict::Unknown => Err(Problem::unauthorized()),
        Verdict::Limited { retry_after_s } => Err(Problem::too_many_requests(retry_after_s)),
    }
}
