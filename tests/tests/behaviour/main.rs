//! The functions as a specification: a folder for each function and for each source.
//!
//! Their own handlers run over a real Postgres. The vendors behave, or misbehave on command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "to fail is to panic")]

mod accounts;
mod admin;
mod analytics;
mod archive;
mod connections;
mod console;
mod digest;
mod erasing;
mod fetch;
mod frozen;
mod gcal;
mod hubspot;
mod ingest;
mod invoices;
mod jobs;
mod kills;
mod leaves;
mod left_behind;
mod letters;
mod load;
mod locked;
mod logs;
mod metrics;
mod migrate;
mod mounting;
mod older_clients;
mod operations;
mod outages;
mod process;
mod relay;
mod retention;
mod revenue;
mod roles;
mod rolodex;
mod stripe_account;
mod telemetry;
mod transactions;
mod webhook;
