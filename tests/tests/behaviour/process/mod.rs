//! `process`: rows of the outbox become payments, contacts and calendar events, each once.

mod arrivals;
pub mod batches;
mod classes;
mod corrections;
mod money;
mod outages;
mod outbox;
mod ties;
mod two_sources;
mod unreadable;
mod versions;
