//! The errors of a stack and of the calls to it.

use std::time::Duration;

use penstock_clients::queue::QueueError;

/// Why a stack could not be deployed, called or read.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// The environment variables of `infra/local/stack.py` are missing.
    #[error(
        "there is no LocalStack: run `make test` (or `python3.11 infra/local/stack.py with --fast --postgres \
         --localstack -- cargo test -p penstock-tests --test system`)"
    )]
    NoLocalStack,
    /// The binary of a function is missing.
    #[error(
        "the functions are not built beside {0}: run `make run` or `make test`, which build them"
    )]
    NotBuilt(String),
    /// A script of `infra/` failed.
    #[error("{script} failed ({status}):\n{said}")]
    Script {
        /// The script's path in the repository.
        script: &'static str,
        status: std::process::ExitStatus,
        /// Its stderr.
        said: String,
    },
    /// A process cannot be started, or its output cannot be read.
    #[error("{what}: {source}")]
    Process {
        /// The step that failed.
        what: &'static str,
        /// The operating system's error.
        source: std::io::Error,
    },
    /// An invoked function failed.
    #[error("the function {function} failed: {said}")]
    Function {
        function: String,
        /// The reply's body.
        said: String,
    },
    /// The HTTP API replied with a status other than 200.
    #[error("{path} answers {status}: {body}")]
    Status {
        path: String,
        status: u16,
        /// The reply's body, usually a problem document.
        body: String,
    },
    /// The HTTP request got no reply.
    #[error("no reply: {0}")]
    Http(#[from] reqwest::Error),
    /// A reply is not the JSON that was expected.
    #[error("cannot be read: {0}")]
    Shape(#[from] serde_json::Error),
    /// The code of a function is in a zip. The gateway starts only what is deployed in place.
    #[error("{0} was not deployed in place")]
    Zipped(String),
    /// SQS does not accept a message.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// SQS does not return a queue's attributes.
    #[error("SQS: {0}")]
    Sqs(String),
    /// Postgres refuses a query or cannot be reached.
    #[error("the database: {0}")]
    Database(#[from] tokio_postgres::Error),
    /// A condition was not met in time.
    #[error("{what} did not come about within {limit:?}; last seen: {seen}")]
    TimedOut {
        /// The condition.
        what: String,
        limit: Duration,
        /// The last state that was read.
        seen: String,
    },
}
