//! Why a request is not taken, and what of that its sender may read.

use penstock_edge::http::{Problem, RequestId};

use crate::RETRY_AFTER;

/// Why a request is not taken.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The request is not what the route takes, or its sender not who may.
    Problem(Problem),
    /// Neither Postgres nor SQS can keep it; why stands in the log.
    NotKept,
}

impl Refusal {
    /// What the sender reads.
    pub(crate) fn into_problem(self) -> Problem {
        match self {
            Self::Problem(problem) => problem,
            Self::NotKept => Problem::unavailable(RETRY_AFTER),
        }
    }

    /// What the log holds. A request that is wrong is no error of ours: it is only counted.
    pub(crate) fn log(&self, id: &RequestId) {
        let request_id = id.as_str();
        match self {
            Self::Problem(problem) => {
                tracing::info!(event = "request_refused", request_id, reason = problem.slug)
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
