//! The contract: the committed files are those that the types describe, and the served ones.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod browser;
mod clients;
mod documents;
mod google;
mod lint;
mod mail;
mod proof;
mod request_ids;
mod vendors;
mod webhooks;
