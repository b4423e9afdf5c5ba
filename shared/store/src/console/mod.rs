//! Reads of the console beside those in the tables' own modules. Each statement reads a bounded
//! part of its table by an index.

pub mod calendar;
pub mod contacts;
pub mod queues;
pub mod reconciled;
pub mod runs;

/// Rows are counted up to here. A count that reaches it says that there may be more.
pub const MOST_COUNTED: i64 = 10_000;
