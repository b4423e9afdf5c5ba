//! A third party that decides transactions, and misbehaves on command; and the client that is told.
//!
//! It has its own book of what it has done, and a log of every request. Of Penstock it knows the
//! time that a test sets, and nothing else: what Penstock makes of it is checked against its book.
//!
//! The fate of a transaction depends on the seed, on its id and on the number of the request
//! about it, not on the order of the requests.

mod book;
mod call_back;
mod client;
mod fault;
mod host;
mod server;
mod sign;
mod wire;

pub use super::faults::Faults;
pub use book::{Book, Effect, Entry, Fate, Status, Terms, When};
pub use call_back::{CallBack, Manners};
pub use client::{ClientFault, Heard, NotifiedClient};
pub use fault::{Fault, Weather};
pub use host::{Gate, ThirdPartySimulator};
pub use server::{DEFAULT_KEY, Request};
pub use sign::{sign, verifies};
