//! The simulated vendors. Each is written from its vendor's documentation and knows nothing of
//! Penstock, so that its own truth can check the product.
//!
//! The folders are alike: `state.rs` is the account's data, `host.rs` starts and stops the HTTP
//! server, `server.rs` routes requests, `truth.rs` returns the rows that the tables must hold.

pub mod bigquery;
mod faults;
pub mod gcal;
pub mod hubspot;
mod log;
pub mod s3;
pub mod stripe;
pub mod third_party;
