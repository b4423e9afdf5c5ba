//! The simulated vendors, and the local gateway, keep to the documentation of what they stand for.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::print_stderr,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test fails by panicking"
)]

mod gateway;
mod gcal;
mod hubspot;
mod stripe;
