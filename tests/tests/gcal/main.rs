//! Google Calendar as a specification: the functions' own handlers over a real Postgres and a calendar that behaves, or
//! misbehaves on command.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "to fail is to panic")]

mod auth;
mod books;
mod channels;
mod faults;
mod kills;
mod pulling;
mod push;
mod rotation;
mod simulator;
