//! A HubSpot portal that behaves, and misbehaves on command: contacts and deals of CRM v3.
//!
//! It is written from HubSpot's documentation. It knows nothing of Penstock, so Penstock's tables
//! can be checked against the portal's own truth. Times are Unix milliseconds, amounts minor units
//! of their currency.

mod faults;
mod host;
mod lag;
mod list;
mod log;
mod push;
mod refusal;
mod render;
mod search;
mod server;
mod sign;
mod state;
mod truth;

/// The paths of objects in the version that `fetch` speaks unless it is told otherwise.
pub const OBJECTS: &str = "/crm/objects/2026-09/";

pub use faults::{Fault, Faults, Policy};
pub use host::HubSpotSimulator;
pub use log::Request;
pub use push::{Change, push_bodies};
pub use sign::sign_v3;
pub use state::{HubSpotPortal, Kind};
pub use truth::{ContactTruth, DealTruth};

/// The token that a portal accepts until a test sets another.
pub const DEFAULT_TOKEN: &str = "pat-eu1-penstock";
