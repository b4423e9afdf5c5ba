//! The function's life in Lambda.

use lambda_http::lambda_runtime::{self, LambdaEvent};
use lambda_http::{Error, service_fn};

use super::request::Request;
use super::service::Service;

/// Serves API Gateway's requests until Lambda ends the environment.
///
/// Not `lambda_http::run`: it builds a URL first, and panics where that fails (see [`Request`]).
///
/// # Errors
/// If Lambda's Runtime API cannot be reached.
pub async fn run<S: Service>(service: S) -> Result<(), Error> {
    let service = &service;
    let serve = |event: LambdaEvent<Request>| async move {
        Ok::<_, Error>(service.handle(&event.payload, &event.context.request_id).await)
    };
    lambda_runtime::run(service_fn(serve)).await
}
