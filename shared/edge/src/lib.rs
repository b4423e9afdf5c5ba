//! The inward edge: configuration, telemetry, SQS batches, HTTP errors, authentication.
pub mod config;
pub mod http;
pub mod sqs;
pub mod telemetry;
