//! Everything pure: no clock, no I/O, no database.
//!
//! What a vendor sends becomes [`record::Item`]s, items become outbox rows, rows what
//! their [`meaning::Meaning`] says: payments, contacts, entries of a calendar.

pub mod calendar_event;
pub mod clock;
pub mod config;
pub mod contact;
pub mod disposition;
pub mod fetch_request;
pub mod ids;
pub mod intake;
pub mod json;
pub mod meaning;
pub mod money;
pub mod paging;
pub mod payment;
pub mod rate;
pub mod reconcile;
pub mod record;
pub mod retry;
pub mod revenue;
pub mod settings;
pub mod signature;
pub mod source;
pub mod spill;
pub mod text;
pub mod ticket;
