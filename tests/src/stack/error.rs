//! What can go wrong around a stack.

use std::time::Duration;

use penstock_clients::queue::QueueError;

/// Why something asked of a stack did not come about.
#[derive(Debug, thiserror::Error)]
pub enum StackError {
    /// Not started under stack.py.
    #[error(
        "there is no LocalStack: run `make test` (or `python3.11 infra/local/stack.py with --fast --postgres \
         --localstack -- cargo test -p penstock-tests --test system`)"
    )]
    NoLocalStack,
    /// A function's binary is missing.
    #[error(
        "the functions are not built beside {0}: run `make run` or `make test`, which build them"
    )]
    NotBuilt(String),
    /// A script of infra/ failed.
    #[error("{script} failed ({status}):\n{said}")]
    Script {
        /// Which.
        script: &'static str,
        /// Its exit status.
        status: std::process::ExitStatus,
        /// What it wrote to stderr.
        said: String,
    },
    /// A process cannot be started or read.
    #[error("{what}: {source}")]
    Process {
        /// What was tried.
        what: &'static str,
        /// What the system says.
        source: std::io::Error,
    },
    /// An invoked function failed.
    #[error("the function {function} failed: {said}")]
    Function {
        /// Which.
        function: String,
        /// What it says.
        said: String,
    },
    /// The HTTP API answers with something else than 200.
    #[error("{path} answers {status}: {body}")]
    Status {
        /// Which route.
        path: String,
        /// The status.
        status: u16,
        /// The problem it tells.
        body: String,
    },
    /// The connection failed.
    #[error("no reply: {0}")]
    Http(#[from] reqwest::Error),
    /// What came back is not what it should be.
    #[error("cannot be read: {0}")]
    Shape(#[from] serde_json::Error),
    /// SQS does not take a message.
    #[error(transparent)]
    Queue(#[from] QueueError),
    /// SQS does not tell about a queue.
    #[error("SQS: {0}")]
    Sqs(String),
    /// Postgres.
    #[error("the database: {0}")]
    Database(#[from] tokio_postgres::Error),
    /// A run that only a person can get going again.
    #[error("fetching has halted: {0}")]
    Halted(String),
    /// Something did not come about in time.
    #[error("{what} did not come about within {limit:?}; last seen: {seen}")]
    TimedOut {
        /// What was waited for.
        what: String,
        /// For how long.
        limit: Duration,
        /// How things stood at the end.
        seen: String,
    },
}
