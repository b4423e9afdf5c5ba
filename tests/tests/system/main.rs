//! The whole of Penstock from outside. Each test deploys infra/template.yaml to LocalStack as a
//! stack of its own, with a database and an account of its own, and checks the results.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod archive;
mod by_the_clock;
mod cold_start;
mod connections;
mod console;
mod cors;
mod deployed_app;
mod digest;
mod guards;
mod permissions;
mod poison;
mod smoke;
mod sources;
mod three_sources;
mod tickets;
mod tour;
mod transactions;
mod webhooks;
mod wiring;
mod year;
