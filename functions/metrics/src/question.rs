//! A question to the database, answered only to those whose key may ask it.

use std::future::Future;

use http::HeaderMap;
use penstock_edge::http::{Access, Presented, Problem};
use penstock_store::api_keys::{self, ApiKey, Scope};
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
    fn ask(&self, on: &Client) -> impl Future<Output = Result<Option<Self::Answer>, StoreError>> + Send;
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
            Self::Store(error) if is_unreachable(&error) => Problem::unavailable(RETRY_AFTER),
            Self::Store(_) => Problem::internal(),
        }
    }
}

/// Whether Postgres could not be reached, went away, or turned us away as it starts, stops or is full.
fn is_unreachable(error: &StoreError) -> bool {
    match error {
        StoreError::Unavailable(_) => true,
        StoreError::Statement { source, .. } => match source.code() {
            Some(state) => ["08", "53", "57P"].iter().any(|class| state.code().starts_with(class)),
            None => source.is_closed() || std::error::Error::source(source).is_some_and(|e| e.is::<std::io::Error>()),
        },
        _ => false,
    }
}

/// Asks, and lets the answer out only to a key that may read. The key is looked up on the same
/// connection in the same round trip.
///
/// # Errors
/// 401 before anything else, then what was wrong with the question, then 404.
pub(crate) async fn answer<Q: Question>(
    database: &Database,
    headers: &HeaderMap,
    question: Result<Q, Problem>,
) -> Result<Q::Answer, Failure> {
    let presented = Presented::in_headers(headers).ok_or_else(Problem::unauthorized)?;
    match attempt(database, &presented, &question).await {
        // The peer hung up between checkout and reply (trap 44); whatever this asks, it only reads.
        Err(Failure::Store(error)) if matches!(error, StoreError::Statement { .. }) && is_unreachable(&error) => {
            attempt(database, &presented, &question).await
        }
        outcome => outcome,
    }
}

async fn attempt<Q: Question>(
    database: &Database,
    presented: &Presented,
    question: &Result<Q, Problem>,
) -> Result<Q::Answer, Failure> {
    let connection = database.connection().await?;
    let client: &Client = &connection;
    let key = api_keys::find(client, &presented.sha256);
    let answer = match question {
        Ok(question) if question.is_cheap() => {
            let (key, answer) = tokio::join!(key, question.ask(client));
            admit(presented, key?)?;
            answer?
        }
        Ok(question) => {
            admit(presented, key.await?)?;
            question.ask(client).await?
        }
        Err(problem) => {
            admit(presented, key.await?)?;
            return Err(problem.clone().into());
        }
    };
    answer.ok_or_else(|| Problem::not_found("There is no such thing.").into())
}

/// Whether the stored key, if any, is the presented one and may read.
fn admit(presented: &Presented, stored: Option<ApiKey>) -> Result<(), Problem> {
    let key = stored.filter(|key| presented.is(&key.sha256)).ok_or_else(Problem::unauthorized)?;
    match (presented.access, key.scope) {
        (Access::Key, Scope::Read) | (Access::AdminKey, Scope::Admin) => Ok(()),
        _ => Err(Problem::unauthorized()),
    }
}
