//! A BigQuery that behaves, and misbehaves on command: datasets, tables with a partition a day,
//! load jobs with their resumable uploads, copy jobs, and the token endpoint of its service
//! account.
//!
//! It is written from Google's documentation: the reference of BigQuery v2, its guides on uploads,
//! loading Parquet, partitioned tables, quotas and errors. It knows nothing of Penstock but that
//! files have the columns `row_key`, `archive_epoch`, `tx` and `arrived_at`: by these it counts
//! rows. What no caller of this repository asks for is not there: queries, streaming, sessions,
//! load from URIs. It takes Parquet only, and does not know the logical type JSON.
#![allow(clippy::expect_used, reason = "for tests only: to fail is to panic")]

mod file;
mod host;
mod job;
mod refusal;
mod server;
mod state;
mod upload;

pub use file::LoadedRow;
pub use host::{BigQuerySimulator, PROJECT};
pub use server::{Fault, Request};
