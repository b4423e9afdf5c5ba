//! Outward I/O: vendors over HTTP, SQS, Secrets Manager.
//!
//! Every client is built at its first use, so a cold start pays for none of them (trap 48).

pub mod auth;
pub mod aws;
#[cfg(feature = "bigquery")]
pub mod bigquery;
pub mod clock;
pub mod database;
pub mod depths;
pub mod google;
mod http;
pub mod issuer;
#[cfg(feature = "objects")]
pub mod objects;
#[cfg(feature = "outgoing")]
pub mod outgoing;
pub mod queue;
pub mod seals;
pub mod secret;
pub mod secret_store;
#[cfg(feature = "sending")]
pub mod sending;
pub mod signing;
pub mod vendor;
