//! Errors of the AWS SDKs, as the outcome for a message.

use std::error::Error;
use std::time::Duration;

use aws_sdk_sns::config::http::HttpResponse;
use aws_sdk_sns::error::{ProvideErrorMetadata, SdkError};

use super::NotSent;

/// The time for one request. The SDK has no limit of its own.
pub(super) const PATIENCE: Duration = Duration::from_secs(10);

/// Codes for a request that is good, but comes too soon after others.
const BUSY: [&str; 6] = [
    "LimitExceededException",
    "SendingPausedException",
    "ThrottledException",
    "Throttling",
    "ThrottlingException",
    "TooManyRequestsException",
];

/// Waits for one request, and returns the outcome for its message.
pub(super) async fn in_time<T, E>(
    request: impl Future<Output = Result<T, SdkError<E, HttpResponse>>>,
) -> Result<(), NotSent>
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    // Boxed: the SDK's futures are kilobytes each.
    match tokio::time::timeout(PATIENCE, Box::pin(request)).await {
        Err(_) => Err(NotSent::Unsure("no answer in time".to_owned())),
        Ok(Err(error)) => Err(not_sent(&error)),
        Ok(Ok(_)) => Ok(()),
    }
}

fn not_sent<E>(error: &SdkError<E, HttpResponse>) -> NotSent
where
    E: ProvideErrorMetadata + Error + Send + Sync + 'static,
{
    match error {
        SdkError::ServiceError(refused) => {
            let status = refused.raw().status().as_u16();
            // The code, and not the message: that may repeat an address.
            let code = error.code().unwrap_or("no code");
            let reason = format!("{status} {code}");
            match status {
                429 => NotSent::Later { reason, pause: None },
                _ if BUSY.contains(&code) => NotSent::Later { reason, pause: None },
                400..=499 => NotSent::Refused(reason),
                _ => NotSent::Unsure(reason),
            }
        }
        SdkError::ConstructionFailure(_) => NotSent::Refused("no request can be made".to_owned()),
        SdkError::DispatchFailure(failure) => {
            let reached = (failure.is_io() || failure.is_timeout()) && !is_connect(error);
            match reached {
                true => NotSent::Unsure("the connection broke".to_owned()),
                false => NotSent::Later { reason: "not reached".to_owned(), pause: None },
            }
        }
        _ => NotSent::Unsure("no answer that can be read".to_owned()),
    }
}

/// Whether the request never left, because there was no connection.
fn is_connect(error: &(dyn Error + 'static)) -> bool {
    let mut cause = Some(error);
    while let Some(error) = cause {
        let of_hyper = error.downcast_ref::<hyper_util::client::legacy::Error>();
        if of_hyper.is_some_and(hyper_util::client::legacy::Error::is_connect) {
            return true;
        }
        cause = error.source();
    }
    false
}
