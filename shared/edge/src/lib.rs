//! The inward edge: configuration, telemetry, SQS batches, HTTP errors, authentication.
