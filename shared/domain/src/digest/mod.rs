//! Messages to the operators: the daily digest, and word of failures and recoveries.
//!
//! A message is first a [`Document`] without any form. Three renderers give it one: HTML and plain
//! text for mail, blocks for a chat. Each treats every text of the document as hostile, because
//! names, statuses and reasons come from vendors and senders. No document names a person, or an
//! object of one.

mod chat;
mod clean;
mod daily;
mod document;
mod html;
mod issues;
mod message;
mod notice;
mod reason;
mod spans;
mod text;
mod when;

pub use daily::{Daily, Dead, Fresh, Runs, Undecided, Unmapped, Week};
pub use document::{Bar, Content, Document, Section};
pub use issues::{Issue, Known, Step, step};
pub use message::Message;
pub use notice::{failures, recoveries};
pub use reason::normalized;
pub use when::{HOUR, When, due_at, local_day};

#[cfg(test)]
mod tests;
