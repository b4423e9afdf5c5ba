//! The metrics function.
