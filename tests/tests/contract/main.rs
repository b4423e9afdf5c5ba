//! The contract: what is committed is what the types say, and what is served.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

mod documents;
mod proof;
mod request_ids;
