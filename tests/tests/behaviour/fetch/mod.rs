//! `fetch`: pulls of Stripe, whatever happens on the way.

mod pauses;
mod pulling;
pub mod reconcile;
mod rotation;
mod unconfigured;
mod vendor_faults;
pub mod windows;
