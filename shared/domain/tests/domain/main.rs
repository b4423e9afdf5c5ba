//! The meaning of what sources, payments and leads say, from recorded payloads.
#![allow(clippy::unwrap_used, clippy::panic, reason = "to fail is to panic")]

mod form_builders;
mod hubspot;
mod hubspot_api;
mod hubspot_paging;
mod hubspot_recorded;
mod ordering;
mod paging;
mod signature;
mod verdicts;
