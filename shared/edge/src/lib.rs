//! The inward edge: configuration, telemetry, invocations, SQS batches, HTTP errors,
//! authentication.
pub mod config;
#[cfg(feature = "contract")]
pub mod contract;
pub mod deadline;
pub mod http;
pub mod invocation;
pub mod sqs;

pub use penstock_telemetry as telemetry;
