//! The files by which the analytics copy is read: the views of DuckDB, the questions, and the
//! tables of docs/ANALYTICS.md. They follow from the description in the domain.

pub mod asking;
mod folder;
mod page;
mod reader;
mod views;

use std::error::Error;

use crate::generated::Generated;
use crate::repository::root;

pub use folder::FolderObjects;
pub use reader::{Answer, Answers, Reader, ReaderError};

/// A question that people ask of the copy: the name of its file in `infra/analytics/questions`, and
/// its title in docs/ANALYTICS.md.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    /// The name of the file, without its ending.
    pub name: &'static str,
    /// The title, as people ask it.
    pub title: &'static str,
}

/// The five questions, in the order of the page.
pub const QUESTIONS: [Question; 5] = [
    Question { name: "revenue_by_day", title: "What did we earn on each day?" },
    Question { name: "events_by_day", title: "Which events occurred, and of how many senders?" },
    Question { name: "leads_by_week", title: "What became of the leads of each week?" },
    Question { name: "failures_by_reason", title: "What cannot be processed, and why?" },
    Question { name: "late_events", title: "How late do events arrive?" },
];

impl Question {
    /// Reads the SQL of the question.
    ///
    /// # Errors
    /// The file cannot be read.
    pub fn sql(self) -> std::io::Result<String> {
        let path = root().join(format!("infra/analytics/questions/{}.sql", self.name));
        std::fs::read_to_string(path)
    }
}

/// Generates the page, and the views for DuckDB.
///
/// # Errors
/// A file cannot be read, or the page has no place for what is generated.
pub fn generate() -> Result<Vec<Generated>, Box<dyn Error>> {
    Ok(vec![
        Generated { path: root().join("docs/ANALYTICS.md"), text: page::analytics()? },
        Generated { path: root().join("infra/analytics/duckdb.sql"), text: views::duckdb() },
    ])
}
