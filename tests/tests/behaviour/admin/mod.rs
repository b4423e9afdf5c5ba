//! `admin`: an operator requests runs and follows them, and connects accounts.

mod connections;
mod reports;
pub mod trigger;
