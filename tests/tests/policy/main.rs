//! What the repository allows itself: licences, banned crates, layers, imports, the length of
//! files, and pages that say what the code does.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "to fail is to panic")]

mod circles;
mod crates;
mod files;
mod generated;
mod imports;
mod licences;
mod links;
mod operations;
mod pages;
mod traps;
