//! `admin`: an operator requests runs and follows them.

mod reports;
pub mod trigger;
