//! An invocation that is no request over HTTP: a rule's event, a batch of messages, a person's
//! call.

use jiff::Timestamp;
use lambda_http::Error;
use lambda_http::lambda_runtime::{self, LambdaEvent, service_fn};
use penstock_domain::clock::{Clock, elapsed};
use penstock_telemetry::export;
use penstock_telemetry::span::{Ended, Kind};
use penstock_telemetry::work::Work;
use serde::Serialize;
use serde::de::DeserializeOwned;

use crate::deadline::deadline;

/// The facts that Lambda tells of an invocation beside its event.
#[derive(Debug, Clone)]
pub struct Invocation {
    /// Lambda's id of it.
    pub request_id: String,
    /// When Lambda ends it.
    pub deadline: Timestamp,
}

/// Serves events until Lambda ends the environment. Each is a unit of work of `function`, of the
/// trace of what has invoked it.
///
/// # Errors
/// If Lambda's Runtime API cannot be reached.
pub async fn run<E, R, F>(
    function: &'static str,
    clock: impl Clock,
    serve: impl Fn(E, Invocation) -> F,
) -> Result<(), Error>
where
    E: DeserializeOwned,
    R: Serialize,
    F: Future<Output = Result<R, Error>>,
{
    let (serve, clock) = (&serve, &clock);
    let invoke = |event: LambdaEvent<E>| {
        let LambdaEvent { payload, context } = event;
        let amazon_trace = context.xray_trace_id.as_deref();
        let work = Work::invoked(function, &context.request_id, amazon_trace);
        // Boxed: the futures of a whole function are deep and large.
        Box::pin(work.run(async move {
            let began = clock.now();
            let deadline = deadline(context.deadline(), began)?;
            let invocation = Invocation { request_id: context.request_id, deadline };
            let served = serve(payload, invocation).await;
            let (at, failed) = (clock.now(), served.is_err());
            if let Some(work) = Work::current() {
                let (kind, took) = (Kind::Internal, elapsed(began, at));
                work.ended(Ended { kind, name: "invoked", at, took, failed });
            }
            export::flush().await;
            served
        }))
    };
    lambda_runtime::run(service_fn(invoke)).await
}
