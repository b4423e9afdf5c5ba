//! `admin`: an operator asks for runs and follows them.

mod reports;
pub mod trigger;
