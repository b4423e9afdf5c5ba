//! `fetch`: pulls of Stripe, with faults and changes on the way.

mod due;
mod endings;
mod hops;
mod locked;
mod pauses;
mod pulling;
pub mod reconcile;
mod refusals;
mod rotation;
mod unconfigured;
mod vendor_faults;
pub mod windows;
mod wishes;
