//! How a source is reached and paged by its variables. `fetch` goes by it, and `admin` refuses
//! settings that `fetch` could not go by.

use std::time::Duration;

use super::{Access, PathVersion, Source, variable};
use crate::config::{ConfigError, Env};
use crate::paging::Paging;

/// The time-out of a request that no variable sets, in seconds.
const TIMEOUT_SECONDS: u64 = 30;

/// The most days of a window: a century.
const MOST_WINDOW_DAYS: u64 = 36_500;

/// The place of a source, and how fast it is asked for what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reach {
    /// Scheme and host, and the beginning of the path that all requests share.
    pub base_url: String,
    /// Requests a second, of each environment of `fetch`.
    pub rate_per_second: u32,
    /// For one request, from connecting to the last byte.
    pub timeout: Duration,
    /// How its lists are paged.
    pub paging: Paging,
}

impl Reach {
    /// Reads the variables of `source`: `BASE_URL`, `RATE_PER_SECOND`, `TIMEOUT_SECONDS` and those
    /// of its pages.
    ///
    /// # Errors
    /// If a variable is missing or cannot be used; the error names it.
    pub fn from_env(source: &dyn Source, env: &Env) -> Result<Self, ConfigError> {
        let access = source.access();
        let own = Variables { source, env };
        Ok(Self {
            base_url: env.or(&own.named("BASE_URL"), access.base_url),
            rate_per_second: env
                .parsed_or(&own.named("RATE_PER_SECOND"), access.rate_per_second)?,
            timeout: Duration::from_secs(
                env.parsed_or(&own.named("TIMEOUT_SECONDS"), TIMEOUT_SECONDS)?,
            ),
            paging: own.paging(access)?,
        })
    }
}

struct Variables<'e> {
    source: &'e dyn Source,
    env: &'e Env,
}

impl Variables<'_> {
    fn named(&self, ending: &str) -> String {
        variable(self.source, ending)
    }

    fn paging(&self, access: Access) -> Result<Paging, ConfigError> {
        let Access { page_size, max_page_size, windows, part, version, .. } = access;
        let (window, side_by_side) = match windows {
            Some(windows) => (self.window(windows.days)?, self.side_by_side(windows.side_by_side)?),
            None => (Duration::ZERO, 1),
        };
        Ok(Paging {
            page_size: self.page_size(page_size, max_page_size)?,
            window,
            side_by_side,
            part: part.map(|ending| self.env.required(&self.named(ending))).transpose()?,
            version: version.map(|version| self.version(version)).transpose()?,
        })
    }

    fn window(&self, usual: u64) -> Result<Duration, ConfigError> {
        let name = self.named("WINDOW_DAYS");
        match self.env.parsed_or(&name, usual)?.max(1) {
            days if days <= MOST_WINDOW_DAYS => Ok(Duration::from_secs(days * 24 * 60 * 60)),
            _ => Err(invalid(name, format!("it is more than {MOST_WINDOW_DAYS}"))),
        }
    }

    fn side_by_side(&self, usual: usize) -> Result<usize, ConfigError> {
        self.env.parsed_or(&self.named("CONCURRENCY"), usual)
    }

    fn version(&self, version: PathVersion) -> Result<String, ConfigError> {
        let name = self.named(version.variable);
        let version = self.env.or(&name, version.value);
        if !version.is_empty() && version.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-') {
            return Ok(version);
        }
        Err(invalid(name, "it cannot be a part of a path".to_owned()))
    }

    fn page_size(&self, usual: u32, most: u32) -> Result<u32, ConfigError> {
        let name = self.named("PAGE_SIZE");
        let size = self.env.parsed_or(&name, usual)?;
        if (1..=most).contains(&size) {
            return Ok(size);
        }
        Err(invalid(name, format!("the vendor gives 1 to {most} a page")))
    }
}

fn invalid(name: String, reason: String) -> ConfigError {
    ConfigError::Invalid { name, reason }
}
