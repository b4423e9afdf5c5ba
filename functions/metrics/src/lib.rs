//! The metrics function: revenue, unmapped statuses, users' events, runs, and whether all is well.

mod config;
#[cfg(feature = "contract")]
pub mod contract;
mod documents;
mod health;
mod journey;
mod question;
mod revenue;
mod runs;
mod stats;
mod statuses;

use jiff::Timestamp;
use penstock_domain::clock::Clock;
use penstock_edge::http::{Method, Problem, Query, Reply, Request, RequestId, StatusCode};
use penstock_edge::telemetry;
use penstock_store::Database;
use penstock_store::admission::Admission;
use serde::Serialize;

pub use config::MetricsConfig;
use question::{Failure, Question, answer};
use revenue::View;

/// All that this function reaches: the database, the clock, and nothing else.
#[derive(Debug)]
pub struct Ports<C> {
    /// Where everything is read from.
    pub database: Database,
    /// Who may ask, and how often.
    pub admission: Admission,
    /// What an operator sets.
    pub config: MetricsConfig,
    /// Tells the time.
    pub clock: C,
    /// When this process began.
    pub started: Timestamp,
}

enum Route<'a> {
    Revenue(View),
    UnmappedStatuses,
    Runs,
    Run(&'a str),
    Journey(&'a str),
    Stats,
    Document(documents::Which),
    Health,
    Ready,
}

fn route(path: &str) -> Option<Route<'_>> {
    Some(match path {
        "/metrics/revenue/summary" => Route::Revenue(View::Summary),
        "/metrics/revenue/daily" => Route::Revenue(View::Daily),
        "/metrics/revenue/weekly" => Route::Revenue(View::Weekly),
        "/metrics/unmapped-statuses" => Route::UnmappedStatuses,
        "/runs" => Route::Runs,
        "/healthz" | "/health" => Route::Health,
        "/readyz" => Route::Ready,
        "/stats" => Route::Stats,
        "/openapi.json" | "/api-docs.json" => Route::Document(documents::Which::Openapi),
        "/docs" | "/api-docs" => Route::Document(documents::Which::Page),
        _ => {
            let run = path.strip_prefix("/runs/").filter(|id| !id.contains('/')).map(Route::Run);
            let user = path
                .strip_prefix("/users/")
                .and_then(|rest| rest.strip_suffix("/journey"))
                .map(Route::Journey);
            run.or(user).filter(|route| !matches!(route, Route::Run("") | Route::Journey("")))?
        }
    })
}

/// The path for the log, without who is asked about: a user's id may be an e-mail address.
fn told(path: &str) -> &str {
    if path.starts_with("/users/") { "/users/{userId}/journey" } else { path }
}

impl<C: Clock> Ports<C> {
    /// Answers one request; `invocation` is Lambda's id of it. Whatever goes wrong is a reply too, and
    /// stands in the log once.
    pub async fn handle(&self, request: &Request, invocation: &str) -> Reply {
        let id = RequestId::of(request, invocation);
        let reply = match self.reply(request, &id).await {
            Ok(reply) => reply,
            Err(failure) => {
                if let Failure::Store(error) = &failure {
                    tracing::error!(
                        request_id = id.as_str(),
                        error = telemetry::chain(error),
                        "the database failed"
                    );
                }
                Reply::problem(&failure.into_problem(), &id)
            }
        };
        tracing::info!(
            request_id = id.as_str(),
            method = request.method.as_str(),
            path = told(&request.path),
            status = reply.status_code,
            "answered"
        );
        if request.method == Method::HEAD { reply.without_body() } else { reply }
    }

    async fn reply(&self, request: &Request, id: &RequestId) -> Result<Reply, Failure> {
        let route =
            route(&request.path).ok_or_else(|| Problem::not_found("There is no such route."))?;
        if request.method != Method::GET {
            return Err(Problem::method_not_allowed("GET").into());
        }
        let (query, now) = (Query::of(request), self.clock.now());
        match route {
            Route::Revenue(view) => {
                let question = revenue::RevenueQuestion::parse(query, view, &self.config, now);
                self.answer(request, id, question).await
            }
            Route::UnmappedStatuses => {
                self.answer(request, id, query.finish().map(|()| statuses::Unmapped)).await
            }
            Route::Runs => self.answer(request, id, runs::Runs::parse(query)).await,
            Route::Run(run) => {
                self.answer(request, id, query.finish().and_then(|()| runs::OneRun::parse(run)))
                    .await
            }
            Route::Journey(user) => {
                self.answer(
                    request,
                    id,
                    journey::Journey::parse(request.path_text("userId", user), query, now),
                )
                .await
            }
            Route::Stats => {
                self.answer(request, id, query.finish().map(|()| stats::Stats { now })).await
            }
            Route::Document(which) => documents::serve(which, request, query, id),
            Route::Health => {
                query.finish()?;
                Ok(Reply::json(StatusCode::OK, &health::alive(self.started, now), id))
            }
            Route::Ready => {
                query.finish()?;
                Ok(health::ready(&self.database, &self.config, self.started, now, id).await)
            }
        }
    }

    async fn answer<Q: Question>(
        &self,
        request: &Request,
        id: &RequestId,
        question: Result<Q, Problem>,
    ) -> Result<Reply, Failure>
    where
        Q::Answer: Serialize,
    {
        let answer =
            answer(&self.database, &self.admission, &request.headers, question, self.clock.now())
                .await?;
        Ok(Reply::json(StatusCode::OK, &answer, id))
    }
}
