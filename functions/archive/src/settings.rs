//! The settings of an operator.

use std::collections::HashSet;
use std::time::Duration;

use penstock_domain::analytics::{BATCH_BYTES, Column, Table};
use penstock_domain::config::{ConfigError, Env};

/// The settings of `archive`, from the environment.
#[derive(Debug, Clone)]
pub struct Settings {
    /// The name of the bucket, without which nothing is copied. Another one begins with a copy of
    /// everything.
    pub bucket: Option<String>,
    /// Columns whose values are left out, as table and column.
    pub left_out: HashSet<(&'static str, &'static str)>,
    /// About how many bytes of rows a file holds, as Postgres has them.
    pub batch_bytes: i64,
    /// About how many bytes of rows are in memory before they are compressed.
    pub group_bytes: usize,
    /// How long rows wait at most until their window is closed.
    pub age: Duration,
}

/// Rows of this size become one row group. Readers advise 16 MB at least.
const GROUP_BYTES: usize = 24 << 20;

/// With the minutes between two events and those for writing, a row is copied within the hour.
const AGE: Duration = Duration::from_secs(50 * 60);

impl Default for Settings {
    fn default() -> Self {
        Self {
            bucket: Some(String::new()),
            left_out: HashSet::new(),
            batch_bytes: BATCH_BYTES,
            group_bytes: GROUP_BYTES,
            age: AGE,
        }
    }
}

impl Settings {
    /// Reads `ARCHIVE_BUCKET` (empty: off) and `ARCHIVE_LEAVE_OUT` (none): columns as
    /// `table.column`, with commas between them.
    ///
    /// # Errors
    /// If a column is not known, or cannot be left out because readers rely on it.
    pub fn from_env(env: &Env) -> Result<Self, ConfigError> {
        let listed = env.optional("ARCHIVE_LEAVE_OUT").unwrap_or_default();
        let names = listed.split(',').map(str::trim).filter(|name| !name.is_empty());
        Ok(Self {
            bucket: env.optional("ARCHIVE_BUCKET"),
            left_out: names.map(left_out).collect::<Result<_, _>>()?,
            ..Self::default()
        })
    }

    /// Returns the name of the bucket; an empty one where nothing is copied.
    #[must_use]
    pub fn bucket(&self) -> &str {
        self.bucket.as_deref().unwrap_or_default()
    }

    /// Whether a column's values are left out.
    pub(crate) fn leaves_out(&self, table: &Table, column: &Column) -> bool {
        self.left_out.contains(&(table.name, column.name))
    }
}

fn left_out(name: &str) -> Result<(&'static str, &'static str), ConfigError> {
    let invalid =
        |reason: String| ConfigError::Invalid { name: "ARCHIVE_LEAVE_OUT".to_owned(), reason };
    let unknown = || invalid(format!("there is no column {name:?}; write it as table.column"));
    let (table, column) = name.split_once('.').ok_or_else(unknown)?;
    let table = Table::named(table).ok_or_else(unknown)?;
    let column = table.column(column).ok_or_else(unknown)?;
    match column.is_nullable {
        true => Ok((table.name, column.name)),
        false => Err(invalid(format!("{name} cannot be left out: every row has to have it"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(left_out: &str) -> Result<Settings, ConfigError> {
        let all = [("ARCHIVE_BUCKET", "copy"), ("ARCHIVE_LEAVE_OUT", left_out)];
        Settings::from_env(&all.into_iter().collect())
    }

    #[test]
    fn columns_are_left_out_by_their_names_and_a_name_that_is_none_is_refused() {
        assert!(settings("").unwrap().left_out.is_empty());
        assert_eq!(settings("").unwrap().bucket.as_deref(), Some("copy"));
        let some = settings("leads.email, leads.phone,").unwrap();
        let emails = Table::named("leads").unwrap();
        assert!(some.leaves_out(emails, emails.column("email").unwrap()));
        assert!(!some.leaves_out(emails, emails.column("name").unwrap()));
        for bad in ["email", "leads.mail", "people.email", "events.event_id", "leads.row_key"] {
            assert!(settings(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn it_is_off_without_a_bucket() {
        assert_eq!(Settings::from_env(&Env::default()).unwrap().bucket, None);
    }
}
