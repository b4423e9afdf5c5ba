//! Why a request is not answered as it was meant: one type, one mapping to a status.

use std::error::Error;

use penstock_domain::dependency::Dependency;
use penstock_domain::signature::SignatureError;

use super::problem::Problem;
use crate::telemetry;

/// Seconds after which a dependency that is away may be back.
pub const RETRY_AFTER: u32 = 5;

/// A problem for the caller to read, and its cause, which only the log gets.
///
/// A [`Problem`] becomes one without a cause. The error of a [`Dependency`] becomes a 503 if the
/// dependency is away, else a 500; so `?` is all that a handler writes.
#[derive(Debug)]
pub struct Failure {
    /// Boxed, because it is far larger than a reply's way through a `Result` should be.
    problem: Box<Problem>,
    cause: Option<Box<dyn Error + Send + Sync>>,
}

impl Failure {
    /// Creates a 500: our fault, and the log has it.
    pub fn internal(cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self::from(Problem::internal()).because(cause)
    }

    /// Creates the reply to a request whose signature does not prove who sent it. One without the
    /// header does not claim to be signed, so it has no cause to log.
    pub fn unverified(error: SignatureError) -> Self {
        let bad = |detail| Problem::bad_request("bad-signature", detail);
        match error {
            SignatureError::Missing(_) => bad(format!("{error}.")).into(),
            _ => Self::from(bad(format!("Not verified: {error}."))).because(error),
        }
    }

    /// Adds the cause, for the log.
    #[must_use]
    pub fn because(self, cause: impl Into<Box<dyn Error + Send + Sync>>) -> Self {
        Self { cause: Some(cause.into()), ..self }
    }

    /// The part that the caller reads.
    #[must_use]
    pub fn problem(&self) -> &Problem {
        &self.problem
    }

    /// The cause and its own causes in one line; `None` if the caller is to blame.
    #[must_use]
    pub fn chain(&self) -> Option<String> {
        self.cause.as_deref().map(|cause| telemetry::chain(cause))
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self { problem: Box::new(problem), cause: None }
    }
}

impl<E: Dependency> From<E> for Failure {
    fn from(error: E) -> Self {
        let problem = match error.is_unreachable() {
            true => Problem::unavailable(RETRY_AFTER),
            false => Problem::internal(),
        };
        Self::from(problem).because(error)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("statement runs.find failed")]
    struct Away(bool, #[source] std::fmt::Error);

    impl Dependency for Away {
        fn is_unreachable(&self) -> bool {
            self.0
        }
    }

    #[test]
    fn a_dependency_that_is_away_is_a_503_and_one_that_refuses_a_500_and_the_caller_reads_no_cause()
    {
        for (away, status, retry_after) in [(true, 503, Some(5)), (false, 500, None)] {
            let failure = Failure::from(Away(away, std::fmt::Error));
            let problem = failure.problem();
            assert_eq!((problem.status.as_u16(), problem.retry_after), (status, retry_after));
            assert!(!problem.detail.contains("runs.find"));
            let chain = failure.chain().unwrap();
            assert!(chain.starts_with("statement runs.find failed: "), "{chain}");
        }
    }

    #[test]
    fn a_problem_has_no_cause() {
        let failure = Failure::from(Problem::unauthorized());
        assert_eq!((failure.problem().status.as_u16(), failure.chain()), (401, None));
    }
}
