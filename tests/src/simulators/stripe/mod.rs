//! A Stripe that behaves, and misbehaves on command.
//!
//! It is written from Stripe's documentation and knows nothing of Penstock, so that what Penstock
//! makes of it can be checked against the simulator's own ledger.
//!
//! `tests/simulators/stripe/example.rs` uses most of it in twenty lines.
//!
//! Times are Unix seconds everywhere; amounts are in Stripe's units, except in the ledger and the
//! truth, which are in ISO 4217 minor units.

mod action;
mod change;
mod clock;
mod control;
mod currency;
mod effect;
mod event;
mod history;
mod host;
pub mod id;
mod list;
mod log;
mod model;
mod query;
mod record;
mod refusal;
mod render;
mod server;
mod sign;
mod spec;
mod state;
mod truth;

pub use super::faults::{Fault, Faults, RetryAfter};
pub use action::{Action, Applied, Outcome};
pub use clock::Clock;
pub use currency::Currency;
pub use event::{ApiVersion, Emitted, EventType};
pub use host::StripeSimulator;
pub use id::Kind;
pub use log::Request;
pub use model::{Charge, ChargeStatus, Dispute, DisputeStatus, NONE, Refund, RefundStatus};
pub use server::DEFAULT_KEY;
pub use sign::sign;
pub use spec::AccountSpec;
pub use state::{EVENT_DAYS, StripeAccount};
pub use truth::{Ledger, Totals, TruthRow};
