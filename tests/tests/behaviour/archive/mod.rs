//! `archive`: windows, files and lists, whatever fails in the middle.

mod app;
mod epochs;
mod erasing;
mod files;
mod kills;
mod memory;
mod planning;
mod repairing;
mod writing;

pub use app::{ArchiveApp, Fault, NOW, Stored, at};
