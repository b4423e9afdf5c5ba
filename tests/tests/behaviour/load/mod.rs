//! `load` over a database of its own, a simulated BigQuery, and files in memory.

mod app;
mod built;
mod exactly_once;
mod files;
mod kills;
mod rebuilds;
mod refusals;
mod staging;
mod tables;
mod uploads;

pub use app::{DATASET, LoadApp, at};
