//! Asks Postgres the five questions, by the same SQL: its views of the copied tables have the names
//! and columns that readers of files see.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use penstock_domain::analytics::TABLES;
use tokio_postgres::{Client, SimpleQueryMessage};

use super::QUESTIONS;

/// The rows of each answer as text, by the names of the questions.
pub type Rows = BTreeMap<String, Vec<Vec<Option<String>>>>;

/// An error of Postgres, or of reading a question.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// Postgres refused a statement, or the connection broke.
    #[error("Postgres does not answer a question")]
    Postgres(#[from] tokio_postgres::Error),
    /// The file of a question cannot be read.
    #[error("a question cannot be read")]
    Read(#[from] std::io::Error),
}

/// Answers all questions from the tables as they are. The client must own them, and have no
/// transaction open.
///
/// # Errors
/// [`AskError`] if Postgres fails, or a question cannot be read.
pub async fn answers(on: &Client) -> Result<Rows, AskError> {
    let mut begin = "begin isolation level repeatable read; set local timezone = 'UTC';".to_owned();
    for table in TABLES {
        let name = table.name;
        // Writing to a String does not fail.
        write!(
            begin,
            "create temp view {name} as select *, 1::bigint as archive_epoch from analytics_{name};"
        )
        .unwrap_or_default();
    }
    let outcome = async {
        on.batch_execute(&begin).await?;
        let mut answers = Rows::new();
        for question in QUESTIONS {
            let rows = on.simple_query(&question.sql()?).await?;
            answers.insert(question.name.to_owned(), rows.iter().filter_map(texts).collect());
        }
        Ok(answers)
    };
    let answers = outcome.await;
    // The views go with the transaction.
    on.batch_execute("rollback").await?;
    answers
}

fn texts(message: &SimpleQueryMessage) -> Option<Vec<Option<String>>> {
    let SimpleQueryMessage::Row(row) = message else { return None };
    Some((0..row.len()).map(|at| row.get(at).map(str::to_owned)).collect())
}
