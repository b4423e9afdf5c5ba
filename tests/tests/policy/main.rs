//! The rules of the repository: licences, banned crates, layers, imports, the length of files, and
//! pages that agree with the code.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "to fail is to panic")]

mod access_log;
mod asynchronous;
mod circles;
mod crates;
mod deletion;
mod files;
mod generated;
mod imports;
mod licences;
mod links;
mod loops;
mod metric_filters;
mod operations;
mod pages;
mod prose;
mod scripts;
mod telemetry;
mod threats;
mod traps;
mod untested;
