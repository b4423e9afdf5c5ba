//! The function's life in Lambda.

use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::{Error, service_fn};
use penstock_telemetry::export;
use penstock_telemetry::work::Work;
use serde::Serialize;
use serde_json::Value;

use super::mounting::Misplaced;
use super::reply::Reply;
use super::request::Request;
use super::service::Service;

/// The reason why an invocation has no reply.
#[derive(Debug, thiserror::Error)]
pub enum InvokeError {
    /// The event is no request.
    #[error(transparent)]
    Misplaced(#[from] Misplaced),
    /// The event has the marks of a request, and cannot be read as one.
    #[error("the event is no request of payload format 2.0: {0}")]
    Unreadable(#[from] serde_json::Error),
}

/// The result that goes back to Lambda.
#[derive(Debug, Serialize)]
#[serde(untagged)]
pub enum Answered {
    /// The reply to a request.
    Reply(Reply),
    /// The reply to what does not belong here.
    Misplaced(Value),
}

/// Answers an event: a request by its route, and what is none by a sentence that says so.
///
/// # Errors
/// [`InvokeError`] if there is nobody to reply to.
pub async fn answer<S: Service>(
    service: &S,
    event: Value,
    invocation: &str,
) -> Result<Answered, InvokeError> {
    if let Some(misplaced) = Misplaced::of(&event) {
        return Ok(Answered::Misplaced(misplaced.answer(invocation)?));
    }
    let request = Request::read(event)?;
    Ok(Answered::Reply(service.handle(&request, invocation).await))
}

/// Serves API Gateway's requests until Lambda ends the environment.
///
/// Not `lambda_http::run`: it builds a URL first, and panics where that fails (see [`Request`]).
///
/// # Errors
/// If Lambda's Runtime API cannot be reached.
pub async fn run<S: Service>(service: S) -> Result<(), Error> {
    let service = &service;
    let serve = |event: LambdaEvent<Value>| {
        let LambdaEvent { payload, context } = event;
        let work = Work::invoked(S::NAME, &context.request_id, context.xray_trace_id.as_deref());
        Box::pin(work.run(async move {
            let answered = answer(service, payload, &context.request_id).await;
            export::flush().await;
            Ok::<_, Error>(answered?)
        }))
    };
    lambda_runtime::run(service_fn(serve)).await
}
