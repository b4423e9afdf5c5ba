//! A Google Calendar that behaves, and misbehaves on command. It has one calendar with pages and
//! sync tokens, the token endpoint of its service account, and push channels.
//!
//! It is written from Google's documentation: the reference of Calendar v3, its guides on
//! synchronization, errors and push notifications, and OAuth 2.0 for service accounts. It knows
//! nothing of Penstock, so Penstock's tables can be checked against the simulator's own truth.
#![allow(clippy::expect_used, reason = "for tests only: to fail is to panic")]

mod channels;
mod host;
mod lag;
mod list;
mod log;
mod refusal;
mod server;
mod state;
pub(super) mod token;
mod truth;

pub use super::faults::{Fault, Faults, RetryAfter};
pub use channels::Channel;
pub use host::{GoogleCalendarSimulator, Handle};
pub use log::Request;
pub use server::ErrorBodies;
pub use state::{CALENDAR_ID, Calendar};
pub use token::Account;
pub use truth::TruthRow;
