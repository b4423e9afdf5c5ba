//! `digest` over a database of its own, with channels in memory and a clock that the test sets.

mod app;
mod chat;
mod content;
mod crashes;
mod daily;
mod notices;

pub use app::{DigestApp, Reply, at};
