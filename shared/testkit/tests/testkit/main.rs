//! The tools of the tests.
#![allow(clippy::unwrap_used, clippy::panic, reason = "to fail is to panic")]

mod cutting_proxy;
mod private_postgres;
mod runtime_host;
mod test_database;
