//! The test kit: a database for each test, a server that can stop, a Lambda Runtime API host and a
//! proxy that cuts connections. For tests only.
//!
//! - [`TestDatabase`]: a migrated database of its own for every test, copied from a template.
//! - [`filled`]: rows of connections in every table.
//! - [`PrivatePostgres`]: a server of its own, for a test that stops and starts it.
//! - [`RuntimeHost`]: runs a function's built binary as Lambda does, and kills it on request.
//! - [`RuntimeApi`]: the API that such a binary polls.
//! - [`CuttingProxy`]: sits before Postgres, counts the client's messages, and cuts at a chosen
//!   one.
//! - [`TlsFront`]: sits before Postgres, and shows a certificate of an [`Authority`] of the test.
//!
//! An error here is a test that fails, so every function panics, with a sentence.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "for tests only: to fail is to panic"
)]

mod cutting_proxy;
mod database;
pub mod filled;
mod framing;
mod memory_queue;
mod memory_secrets;
mod outcome;
mod private_postgres;
mod roles;
mod runtime_api;
mod runtime_host;
mod server;
mod template;
mod tls_front;

pub use cutting_proxy::{Cut, CuttingProxy};
pub use database::TestDatabase;
pub use memory_queue::{MemoryQueue, SentMessage};
pub use memory_secrets::{MemorySecrets, Moment};
pub use outcome::Outcome;
pub use private_postgres::PrivatePostgres;
pub use runtime_api::RuntimeApi;
pub use runtime_host::{RuntimeHost, binary, memory_kib};
pub use tls_front::{Authority, TlsFront};
