//! The inward edge: configuration, telemetry, SQS batches, HTTP errors, authentication.
pub mod config;
#[cfg(feature = "contract")]
pub mod contract;
pub mod deadline;
pub mod http;
pub mod sqs;
pub mod telemetry;
