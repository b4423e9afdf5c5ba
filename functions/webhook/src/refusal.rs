//! Why a request is not taken, and what of that its sender may read.

use penstock_clients::secret::SecretError;
use penstock_domain::signature::{SecretsError, SignatureError};
use penstock_edge::http::{Problem, RequestId};
use penstock_edge::telemetry::chain;

use crate::RETRY_AFTER;

/// Why a request is not taken.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The request is not what the route takes.
    Problem(Problem),
    /// Its sender is not who it says.
    Signature(SignatureError),
    /// What Secrets Manager holds is no signing secret.
    Secrets(SecretsError),
    /// Secrets Manager does not give the secret.
    Secret(SecretError),
    /// Secrets Manager does not answer.
    SecretSilent,
    /// Neither Postgres nor SQS can keep it; why stands in the log.
    NotKept,
}

impl Refusal {
    /// What the sender reads.
    pub(crate) fn into_problem(self) -> Problem {
        match self {
            Self::Problem(problem) => problem,
            Self::Signature(error) => {
                Problem::bad_request("bad-signature", format!("Not verified: {error}."))
            }
            Self::Secrets(_) | Self::Secret(_) | Self::SecretSilent | Self::NotKept => {
                Problem::unavailable(RETRY_AFTER)
            }
        }
    }

    /// What the log holds. A request that is wrong is no error of ours: it is only counted.
    pub(crate) fn log(&self, id: &RequestId) {
        let request_id = id.as_str();
        match self {
            Self::Problem(problem) => {
                tracing::info!(event = "request_refused", request_id, reason = problem.slug)
            }
            Self::Signature(error) => {
                tracing::warn!(event = "signature_refused", request_id, reason = %error);
            }
            Self::Secrets(error) => {
                tracing::error!(event = "secret_unusable", request_id, error = chain(error))
            }
            Self::Secret(error) => {
                tracing::error!(event = "secret_unreadable", request_id, error = chain(error))
            }
            Self::SecretSilent => {
                tracing::error!(
                    event = "secret_unreadable",
                    request_id,
                    error = "Secrets Manager is silent"
                );
            }
            Self::NotKept => tracing::error!(event = "request_not_kept", request_id),
        }
    }
}

impl From<Problem> for Refusal {
    fn from(problem: Problem) -> Self {
        Self::Problem(problem)
    }
}

impl From<SignatureError> for Refusal {
    /// A request without the header does not claim to be the vendor's: it is no more than counted.
    fn from(error: SignatureError) -> Self {
        match error {
            SignatureError::Missing(_) => {
                Problem::bad_request("bad-signature", format!("{error}.")).into()
            }
            error => Self::Signature(error),
        }
    }
}

impl From<SecretsError> for Refusal {
    fn from(error: SecretsError) -> Self {
        Self::Secrets(error)
    }
}

impl From<SecretError> for Refusal {
    fn from(error: SecretError) -> Self {
        Self::Secret(error)
    }
}
