//! A question to the database, answered only to callers whose key may ask it.

use std::future::Future;
use std::time::Duration;

use penstock_domain::access::PresentedKey;
use penstock_domain::clock::Clock;
use penstock_edge::http::{Answer, Answering, Call, Failure, Problem, Reply, StatusCode};
use penstock_store::StoreError;
use serde::Serialize;
use tokio_postgres::Client;

use crate::health::PATIENCE;
use crate::{MetricsConfig, Ports};

/// A question that is not cheap may take this long, which is less than Lambda gives the function.
const LONG_PATIENCE: Duration = Duration::from_secs(7);

/// Something a route asks of the database.
pub(crate) trait Question: Send + Sync + 'static {
    /// The reply's body.
    type Answer: Serialize + Send;

    /// Whether it may be asked along with the key, before the key is known to be valid. A question
    /// that could keep the database busy for long is not.
    fn is_cheap(&self) -> bool {
        true
    }

    /// Asks; `None` if the thing asked for does not exist. It is called again if the connection
    /// broke, so it only reads.
    fn ask(
        &self,
        on: &Client,
    ) -> impl Future<Output = Result<Option<Self::Answer>, StoreError>> + Send;

    /// Writes the answer: as JSON, unless the question says otherwise.
    ///
    /// # Errors
    /// [`Failure`] with a 500 if the answer cannot be written.
    fn reply(&self, answer: Self::Answer) -> Result<Reply, Failure> {
        Reply::json(StatusCode::OK, &answer)
    }
}

/// Answers a route by a question, which the function reads from the call.
pub(crate) struct Ask<Q>(pub(crate) fn(&MetricsConfig, &mut Call<'_>) -> Result<Q, Problem>);

impl<C: Clock + 'static, Q: Question> Answer<Ports<C>> for Ask<Q> {
    /// A caller without a valid key reads 401 or 429 before anything about the question. Parameters
    /// that the question has left in the query are a 400.
    fn answer<'a>(&'a self, ports: &'a Ports<C>, mut call: Call<'a>) -> Answering<'a> {
        Box::pin(async move {
            let question = (self.0)(&ports.config, &mut call);
            let question = std::mem::take(&mut call.query).finish().and(question);
            let answer = authorized_answer(ports, &call, &question);
            let is_long = question.as_ref().is_ok_and(|question| !question.is_cheap());
            let patience = if is_long { LONG_PATIENCE } else { PATIENCE };
            let answer = ports.database.within(patience, answer).await?;
            let answer = answer.ok_or_else(|| Problem::not_found("There is no such thing."))?;
            question?.reply(answer)
        })
    }
}

/// Asks for callers whose key may. A key that is not remembered is looked up on the same
/// connection, in the round trip of the question.
async fn authorized_answer<C: Clock, Q: Question>(
    ports: &Ports<C>,
    call: &Call<'_>,
    question: &Result<Q, Problem>,
) -> Result<Option<Q::Answer>, Failure> {
    let key = call.presented_key()?;
    let pending = match ports.admission.recall(&key, 1, call.now).await {
        Some(status) => {
            call.authorize(&key, status)?;
            None
        }
        None => Some(&key),
    };
    if question.as_ref().is_ok_and(|question| !question.is_cheap()) {
        // Later on nobody could tell a slow answer from a silent Postgres.
        ports.database.within(PATIENCE, ports.database.ping()).await?;
    }
    let answer = match attempt(ports, call, pending, question).await {
        // The peer hung up between checkout and reply (trap 44); this only reads, so it may ask
        // again.
        Err(error) if error.is_broken_connection() => attempt(ports, call, pending, question).await,
        outcome => outcome,
    };
    Ok(answer??)
}

/// Asks once. `pending` is the key if it has yet to be looked up.
async fn attempt<C: Clock, Q: Question>(
    ports: &Ports<C>,
    call: &Call<'_>,
    pending: Option<&PresentedKey>,
    question: &Result<Q, Problem>,
) -> Result<Result<Option<Q::Answer>, Problem>, StoreError> {
    let connection = ports.database.connection().await?;
    let client: &Client = &connection;
    let authorized = async {
        let Some(key) = pending else { return Ok(Ok(())) };
        let status = ports.admission.authenticate_on(client, key, call.now).await?;
        Ok::<_, StoreError>(call.authorize(key, status).map(drop))
    };
    match question {
        Ok(question) if question.is_cheap() => {
            let (authorized, answer) = tokio::join!(authorized, question.ask(client));
            match authorized? {
                Ok(()) => answer.map(Ok),
                Err(problem) => Ok(Err(problem)),
            }
        }
        Ok(question) => match authorized.await? {
            Ok(()) => question.ask(client).await.map(Ok),
            Err(problem) => Ok(Err(problem)),
        },
        Err(problem) => Ok(authorized.await?.and_then(|()| Err(problem.clone()))),
    }
}
