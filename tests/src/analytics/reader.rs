//! A reader of the analytics copy that shares nothing with the function that writes it: DuckDB.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};

use serde::Deserialize;
use tokio::process::Command;

use crate::repository::root;

/// An error of a script that reads the copy.
#[derive(Debug, thiserror::Error)]
pub enum ReaderError {
    /// `make setup` has not made the environment, or it is out of date.
    #[error("{} cannot be run: `make setup` brings it", python.display())]
    NotThere {
        /// The interpreter that is missing.
        python: PathBuf,
        /// The error of the operating system.
        source: std::io::Error,
    },
    /// The script failed.
    #[error("{script} ended with {status}:\n{said}")]
    Failed {
        /// The path of the script.
        script: String,
        status: ExitStatus,
        /// Its stderr.
        said: String,
    },
    /// The script wrote something else than was expected.
    #[error("{script} wrote no answers")]
    Unread {
        /// The path of the script.
        script: String,
        /// The error of the JSON.
        source: serde_json::Error,
    },
}

/// An answer: its columns, and its rows as text.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Answer {
    pub columns: Vec<String>,
    /// The rows, in the order of the question. A value is text as Python spells it, or null.
    pub rows: Vec<Vec<Option<String>>>,
}

/// The answers to all questions, by their names.
pub type Answers = BTreeMap<String, Answer>;

/// Reads a copy that lies in a folder.
#[derive(Debug, Clone)]
pub struct Reader {
    python: PathBuf,
    archive: PathBuf,
}

impl Reader {
    /// Creates a reader of a folder that holds what a bucket holds.
    pub fn of(archive: impl Into<PathBuf>) -> Self {
        let python = root().join(".local/venv-analytics/bin/python");
        Self { python, archive: archive.into() }
    }

    /// Returns the folder with the objects.
    pub fn archive(&self) -> &Path {
        &self.archive
    }

    /// Asks the five questions.
    ///
    /// # Errors
    /// [`ReaderError`] if DuckDB cannot read the copy, or is not installed.
    pub async fn answers(&self) -> Result<Answers, ReaderError> {
        self.read("infra/analytics/answers.py", &["--json"]).await
    }

    /// Runs a script with `--archive` and the folder, and returns the JSON that it writes.
    ///
    /// # Errors
    /// [`ReaderError`] if it fails, or writes something else.
    pub async fn read<T>(&self, script: &str, arguments: &[&str]) -> Result<T, ReaderError>
    where
        T: for<'de> Deserialize<'de>,
    {
        let mut command = Command::new(&self.python);
        command.arg("-B").arg(root().join(script)).arg("--archive").arg(&self.archive);
        command.args(arguments).stdin(Stdio::null()).kill_on_drop(true);
        let output = command
            .output()
            .await
            .map_err(|source| ReaderError::NotThere { python: self.python.clone(), source })?;
        if !output.status.success() {
            return Err(ReaderError::Failed {
                script: script.to_owned(),
                status: output.status,
                said: String::from_utf8_lossy(&output.stderr).into_owned(),
            });
        }
        serde_json::from_slice(&output.stdout)
            .map_err(|source| ReaderError::Unread { script: script.to_owned(), source })
    }
}
