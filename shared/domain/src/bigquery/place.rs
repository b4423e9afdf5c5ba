//! The project, dataset and tables that rows are loaded into.

use std::fmt;

use jiff::civil::Date;
use uuid::Uuid;

use crate::config::{ConfigError, Env};

/// The dataset that the rows are loaded into.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The id of the project, which pays for what is stored.
    pub project: String,
    /// The id of the dataset.
    pub dataset: String,
    /// The location in which the dataset is made, such as `EU`. An existing one keeps its own.
    pub location: String,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.project, self.dataset)
    }
}

impl Place {
    /// Reads `BIGQUERY_PROJECT`, `BIGQUERY_DATASET` (`penstock`) and `BIGQUERY_LOCATION` (`EU`).
    /// Returns `None` if no project is named: nothing is loaded.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if BigQuery takes no such id.
    pub fn from_env(env: &Env) -> Result<Option<Self>, ConfigError> {
        let Some(project) = env.optional("BIGQUERY_PROJECT") else { return Ok(None) };
        let place = Self {
            project,
            dataset: env.or("BIGQUERY_DATASET", "penstock"),
            location: env.or("BIGQUERY_LOCATION", "EU"),
        };
        let is_word = |text: &str, others: &[u8]| {
            let sound = |b: u8| b.is_ascii_alphanumeric() || others.contains(&b);
            (1..=255).contains(&text.len()) && text.bytes().all(sound)
        };
        for (name, is_sound) in [
            // Projects of a domain have its name and a colon before their own.
            ("BIGQUERY_PROJECT", is_word(&place.project, b"-.:")),
            ("BIGQUERY_DATASET", is_word(&place.dataset, b"_")),
            ("BIGQUERY_LOCATION", is_word(&place.location, b"-")),
        ] {
            if !is_sound {
                let reason = "it has characters that BigQuery does not take".to_owned();
                return Err(ConfigError::Invalid { name: name.to_owned(), reason });
            }
        }
        Ok(Some(place))
    }
}

/// Returns the name of a day's partition of a table, such as `events$20261129`.
#[must_use]
pub fn partition(table: &str, day: Date) -> String {
    format!("{table}${}", compact(day))
}

/// Returns the name of the table in which a day is put together before it replaces a partition.
#[must_use]
pub fn staging(table: &str, day: Date, rebuild: Uuid) -> String {
    format!("penstock_staging_{table}_{}_{}", compact(day), rebuild.simple())
}

/// Returns a day as `20261129`.
pub(super) fn compact(day: Date) -> String {
    day.strftime("%Y%m%d").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(settings: &[(&str, &str)]) -> Result<Option<Place>, ConfigError> {
        Place::from_env(&settings.iter().copied().collect())
    }

    #[test]
    fn without_a_project_nothing_is_loaded() {
        assert_eq!(read(&[("BIGQUERY_DATASET", "penstock")]), Ok(None));
    }

    #[test]
    fn a_project_is_enough_and_ids_that_bigquery_does_not_take_are_named() {
        let place = read(&[("BIGQUERY_PROJECT", "example.com:penstock-1")]).unwrap().unwrap();
        assert_eq!(place.to_string(), "example.com:penstock-1.penstock");
        assert_eq!(place.location, "EU");
        for (name, value) in [
            ("BIGQUERY_PROJECT", "pen/stock"),
            ("BIGQUERY_DATASET", "pen-stock"),
            ("BIGQUERY_DATASET", "a$20261129"),
            ("BIGQUERY_LOCATION", "EU?"),
        ] {
            let error = read(&[("BIGQUERY_PROJECT", "p"), (name, value)]).unwrap_err();
            assert!(error.to_string().starts_with(name), "{error}");
        }
    }

    #[test]
    fn a_partition_is_named_by_its_day() {
        let day = "2026-02-03".parse().unwrap();
        assert_eq!(partition("events", day), "events$20260203");
        let nil = Uuid::nil().simple().to_string();
        assert_eq!(
            staging("events", day, Uuid::nil()),
            format!("penstock_staging_events_20260203_{nil}")
        );
    }
}
