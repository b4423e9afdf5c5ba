//! HubSpot as a specification: contacts and deals over a real Postgres. The portal behaves, or
//! misbehaves on command (traps 10, 11, and those of 1-16 that any pull has).

mod converging;
mod currency;
mod deals;
mod deletions;
mod faults;
mod flood;
mod kills;
mod left_out;
mod pages;
mod pulling;
mod pushing;
mod refetches;
mod rotation;
pub mod test_app;
mod too_old;
