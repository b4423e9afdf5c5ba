//! The analytics copy as others meet it: retention waits for it, and readers that know nothing of
//! `archive` read it.

mod answers;
mod copied;
mod exactly_once;
mod readers;
pub mod retention;
mod rewriting;

pub use copied::Copied;
