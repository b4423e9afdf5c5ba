//! Configuration as text by name; every error names the variable.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::str::FromStr;

/// A set of variables, read once from the process by `penstock_edge::config::from_process`.
#[derive(Clone, Default)]
pub struct Env(BTreeMap<String, String>);

/// A variable is missing or does not parse. Its value is not repeated: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ConfigError {
    /// The variable is not set, or is empty.
    #[error("{0} is not set")]
    Missing(String),
    /// The variable has a value that cannot be used.
    #[error("{name} cannot be used: {reason}")]
    Invalid {
        name: String,
        /// The parser's message.
        reason: String,
    },
}

impl std::fmt::Debug for Env {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_set().entries(self.0.keys()).finish()
    }
}

impl<K: Into<String>, V: Into<String>> FromIterator<(K, V)> for Env {
    fn from_iter<I: IntoIterator<Item = (K, V)>>(pairs: I) -> Self {
        Self(pairs.into_iter().map(|(k, v)| (k.into(), v.into())).collect())
    }
}

impl Env {
    /// Returns these variables, replaced by those of `others` where both have a name.
    #[must_use]
    pub fn overridden_by(&self, others: Self) -> Self {
        let mut all = self.0.clone();
        all.extend(others.0);
        Self(all)
    }

    /// Forgets the value of `name`.
    pub fn remove(&mut self, name: &str) {
        self.0.remove(name);
    }

    /// Sets `name` to `value`, or forgets it.
    pub fn set_or_remove(&mut self, name: &str, value: Option<&str>) {
        match value {
            Some(value) => drop(self.0.insert(name.to_owned(), value.to_owned())),
            None => self.remove(name),
        }
    }

    /// Returns the value of `name`, or `None` if it is not set or empty.
    pub fn optional(&self, name: &str) -> Option<String> {
        self.0.get(name).filter(|v| !v.is_empty()).cloned()
    }

    /// Returns the value of `name`, which must be set.
    ///
    /// # Errors
    /// [`ConfigError::Missing`] if it is not set or empty.
    pub fn required(&self, name: &str) -> Result<String, ConfigError> {
        self.optional(name).ok_or_else(|| ConfigError::Missing(name.to_owned()))
    }

    /// Returns the value of `name` as it was set, which may be empty; `None` if it is not set.
    pub fn given(&self, name: &str) -> Option<&str> {
        self.0.get(name).map(String::as_str)
    }

    /// Returns the value of `name`, or `default` if it is not set.
    pub fn or(&self, name: &str, default: &str) -> String {
        self.optional(name).unwrap_or_else(|| default.to_owned())
    }

    /// Returns the value of `name` as a `T`, or `default` if it is not set.
    ///
    /// # Errors
    /// [`ConfigError::Invalid`] if it does not parse.
    pub fn parsed_or<T>(&self, name: &str, default: T) -> Result<T, ConfigError>
    where
        T: FromStr,
        T::Err: Display,
    {
        match self.optional(name) {
            None => Ok(default),
            Some(text) => text.parse().map_err(|e: T::Err| ConfigError::Invalid {
                name: name.to_owned(),
                reason: e.to_string(),
            }),
        }
    }
}
