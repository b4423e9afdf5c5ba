//! `make run`. It needs the servers that `infra/local/stack.py with --postgres --localstack`
//! starts.

use std::io::Write as _;
use std::process::ExitCode;

use penstock_edge::config;
use penstock_tests::tour;
use tokio::signal::unix::{SignalKind, signal};

#[tokio::main(flavor = "current_thread")]
async fn main() -> std::io::Result<ExitCode> {
    let (mut interrupt, mut terminate) =
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?);
    let env = config::from_process();
    // Everything that the tour has started ends when its future is dropped.
    let toured = tokio::select! {
        toured = tour::run(&env) => Some(toured),
        _ = interrupt.recv() => None,
        _ = terminate.recv() => None,
    };
    let (words, code) = match toured {
        Some(Ok(())) => ("done".to_owned(), ExitCode::SUCCESS),
        Some(Err(error)) => (error.to_string(), ExitCode::FAILURE),
        None => ("stopped".to_owned(), ExitCode::from(130)),
    };
    writeln!(std::io::stderr(), "\nrun: {words}")?;
    Ok(code)
}
