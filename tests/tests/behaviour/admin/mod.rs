//! `admin`: an operator requests runs and follows them, and connects accounts.

pub mod audit;
mod connections;
mod reports;
pub mod trigger;
