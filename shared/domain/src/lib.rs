//! Everything pure: no clock, no I/O, no database.
//!
//! A vendor's reply is read into [`record::Item`]s, items become rows of the outbox, and rows are
//! read into [`facts::Facts`]: payments, contacts, entries of a calendar, leads, events.

pub mod access;
pub mod account;
pub mod analytics;
pub mod audit;
pub mod bigquery;
pub mod calendar_event;
pub mod clock;
pub mod config;
pub mod connecting;
pub mod connection;
pub mod contact;
pub mod dependency;
pub mod digest;
pub mod disposition;
pub mod due;
pub mod erasure;
pub mod facts;
pub mod fetch_request;
pub mod ids;
pub mod intake;
pub mod job;
pub mod json;
pub mod money;
mod own_account;
pub mod paging;
pub mod payment;
pub mod rate;
pub mod reconcile;
pub mod record;
pub mod redaction;
pub mod retention;
pub mod retry;
pub mod revenue;
pub mod scope;
pub mod signature;
pub mod source;
pub mod spill;
pub mod sweep;
pub mod text;
pub mod third_party;
pub mod ticket;
pub mod trace;
pub mod transaction;
pub mod version;
