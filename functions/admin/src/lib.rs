//! `admin`: what an operator asks for over HTTP. So far `POST /trigger/{source}/{mode}`.

use jiff::Timestamp;
use penstock_clients::queue::Outlet;
use penstock_domain::clock::Clock;
use penstock_edge::http::{Access, Method, Presented, Problem, Reply, Request, RequestId};
use penstock_edge::telemetry::chain;
use penstock_store::admission::{Admission, Verdict};
use penstock_store::api_keys::Scope;
use penstock_store::{Database, StoreError, in_time};

mod config;
#[cfg(feature = "contract")]
pub mod contract;
mod trigger;

pub use config::AdminConfig;

/// What `admin` uses.
pub struct Ports<C, Q> {
    /// What is asked for is written down here.
    pub database: Database,
    /// Whose API keys are good, and for how many requests.
    pub admission: Admission,
    /// Where `fetch` listens.
    pub requests: Q,
    /// What an operator sets.
    pub config: AdminConfig,
    /// The time.
    pub clock: C,
}

/// When a caller may find the database again, in seconds.
const RETRY_AFTER: u32 = 5;

/// Why a request is not answered as it was meant.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Failure {
    /// The caller's doing.
    #[error("the request is refused: {}", .0.slug)]
    Problem(Problem),
    /// What Postgres says, or that there is no connection.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl Failure {
    /// What the caller may read of it.
    fn into_problem(self) -> Problem {
        match self {
            Self::Problem(problem) => problem,
            Self::Store(error) if !error.is_unreachable() => Problem::internal(),
            Self::Store(_) => Problem::unavailable(RETRY_AFTER),
        }
    }
}

impl<C: Clock, Q: Outlet> Ports<C, Q> {
    /// Answers one request; `invocation` is Lambda's id of it. Whatever goes wrong is a reply too, and stands in the
    /// log once.
    pub async fn handle(&self, request: &Request, invocation: &str) -> Reply {
        let id = RequestId::of(request, invocation);
        let reply = match self.reply(request, &id).await {
            Ok(reply) => reply,
            Err(failure) => {
                let request_id = id.as_str();
                match &failure {
                    Failure::Problem(problem) => {
                        tracing::info!(
                            event = "request_refused",
                            request_id,
                            reason = problem.slug
                        );
                    }
                    error => {
                        tracing::error!(event = "request_failed", request_id, error = chain(error))
                    }
                }
                Reply::problem(&failure.into_problem(), &id)
            }
        };
        let (request_id, status, path) = (id.as_str(), reply.status_code, request.path.as_str());
        tracing::info!(event = "answered", request_id, path, status);
        if request.method == Method::HEAD { reply.without_body() } else { reply }
    }

    async fn reply(&self, request: &Request, id: &RequestId) -> Result<Reply, Failure> {
        let route = trigger::Route::of(request)
            .ok_or_else(|| Problem::not_found("There is no such route."))?;
        if request.method != Method::POST {
            return Err(Problem::method_not_allowed("POST").into());
        }
        let now = self.clock.now();
        let admin = self.who(request, now).await?;
        self.trigger(request, &route, &admin, now, id).await
    }

    /// The admin whose key the request carries.
    async fn who(&self, request: &Request, now: Timestamp) -> Result<Presented, Failure> {
        let presented =
            Presented::in_headers(&request.headers).filter(|key| key.access == Access::AdminKey);
        let presented = presented.ok_or_else(Problem::unauthorized)?;
        match in_time(self.admission.admit(&presented.sha256, now)).await? {
            Verdict::Admitted(key) if key.scope == Scope::Admin && presented.is(&key.sha256) => {
                Ok(presented)
            }
            Verdict::Admitted(_) | Verdict::Unknown => Err(Problem::unauthorized().into()),
            Verdict::Limited { retry_after_s } => {
                Err(Problem::too_many_requests(retry_after_s).into())
            }
        }
    }
}
