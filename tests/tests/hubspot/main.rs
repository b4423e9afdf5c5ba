//! HubSpot as a specification: contacts and deals over a real Postgres and a portal that behaves, or misbehaves on
//! command (traps 10, 11, and those of 1-16 that any pull has).
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "to fail is to panic")]

mod deletions;
mod faults;
mod kills;
mod office;
mod portal;
mod pulling;
mod pushing;
mod rotation;
