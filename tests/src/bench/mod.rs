//! The benchmarks of `make bench`. docs/PERFORMANCE.md explains the figures.

#![allow(
    clippy::expect_used,
    clippy::panic,
    clippy::float_arithmetic,
    reason = "a benchmark that cannot go on should stop, and its figures are no money"
)]

mod archive;
mod backfill;
mod cold_start;
mod console;
mod drain;
mod drain_workers;
mod failed;
mod figures;
mod front;
mod front_routes;
mod gateway;
mod history;
mod journey;
mod revenue;
mod soak;
mod soak_rows;
mod soak_sizes;
mod stock;
mod transact;

use std::io::{self, Write};
use std::path::Path;

pub use figures::Figures;

/// The folder of the functions' zips and of their contents.
const FUNCTIONS_FOLDER: &str = ".local/bench";

/// The file of the figures.
const RESULT: &str = ".local/bench.json";

const PARTS: [&str; 11] = [
    "backfill", "drain", "soak", "metrics", "failed", "console", "front", "transact", "archive",
    "gateway", "init",
];

/// Runs the named parts, or all of them, prints the figures and writes them to `.local/bench.json`.
/// The figures of other parts stay in the file.
///
/// # Errors
///
/// A part is unknown, or the figures cannot be written.
pub async fn run(parts: &[String]) -> io::Result<()> {
    if let Some(unknown) = parts.iter().find(|part| !PARTS.contains(&part.as_str())) {
        return Err(io::Error::other(format!("there is no part {unknown:?}; there are {PARTS:?}")));
    }
    let wanted = |part: &str| parts.is_empty() || parts.iter().any(|p| p == part);
    let result = Path::new(RESULT);
    let mut figures =
        if PARTS.into_iter().all(wanted) { Figures::default() } else { Figures::read(result) };
    if wanted("init") {
        cold_start::measure(Path::new(FUNCTIONS_FOLDER), &mut figures).await;
    }
    if wanted("backfill") {
        Box::pin(backfill::measure(&mut figures)).await;
    }
    if wanted("drain") {
        Box::pin(drain::measure(&mut figures)).await;
    }
    if wanted("soak") {
        Box::pin(soak::measure(&mut figures)).await;
    }
    if wanted("metrics") {
        Box::pin(revenue::measure(&mut figures)).await;
    }
    if wanted("failed") {
        Box::pin(failed::measure(&mut figures)).await;
    }
    if wanted("console") {
        Box::pin(console::measure(&mut figures)).await;
    }
    if wanted("front") {
        Box::pin(front::measure(&mut figures)).await;
        Box::pin(journey::measure(&mut figures)).await;
    }
    if wanted("transact") {
        Box::pin(transact::measure(&mut figures)).await;
    }
    if wanted("archive") {
        Box::pin(archive::measure(&mut figures)).await;
    }
    if wanted("gateway") {
        Box::pin(gateway::measure(Path::new(FUNCTIONS_FOLDER), &mut figures)).await;
    }
    figures.write(result)?;
    say(&format!("\n{}", figures.table()));
    Ok(())
}

/// Prints a line of progress.
fn say(line: &str) {
    // Standard output may be closed.
    writeln!(io::stdout(), "{line}").unwrap_or_default();
}
