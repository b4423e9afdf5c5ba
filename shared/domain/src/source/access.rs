//! How a vendor is reached and paged.

use super::Source;

/// The facts about a vendor that `fetch` needs for its requests. A deployment can override most of
/// them with the variables that [`variable`] names: `BASE_URL`, `PAGE_SIZE`, `RATE_PER_SECOND`,
/// `TIMEOUT_SECONDS` and those that the fields here name. A vendor without a key is not configured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Scheme and host, and the beginning of the path that all requests share.
    pub base_url: &'static str,
    /// How a request authenticates. `SECRET_ARN` names the secret for it.
    pub credential: Credential,
    /// Sent with every request.
    pub headers: &'static [Header],
    /// Objects a page.
    pub page_size: u32,
    /// The largest page that the vendor accepts, in objects.
    pub max_page_size: u32,
    /// Requests a second, of each environment of `fetch`.
    pub rate_per_second: u32,
    /// How a full run cuts the history; `None` if it pages through all of it in one.
    pub windows: Option<Windows>,
    /// The ending of the variable that says which part of the vendor's data is pulled
    /// ([`crate::paging::Paging::part`]), such as `CALENDAR_ID`. The variable is required. `None`
    /// if all of it is pulled.
    pub part: Option<&'static str>,
    /// The header that names a connected account, which the key of another connection reads. `None`
    /// if a key reads its own account only.
    pub account_header: Option<&'static str>,
    /// The API version in the paths of requests ([`crate::paging::Paging::version`]), if a
    /// deployment may choose it.
    pub version: Option<PathVersion>,
}

/// How a request to a vendor authenticates.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Credential {
    /// The secret itself is the bearer token.
    Bearer {
        /// The ending of the variable that holds the secret itself, for local runs.
        given: &'static str,
    },
    /// The secret is the key file of a service account of Google's, exchanged for access tokens.
    /// `SUBJECT` names a user of the domain to act for, `TOKEN_URL` another place of exchange than
    /// the key file says.
    GoogleServiceAccount {
        /// The ending of the variable that holds the key file's text, for local runs.
        given: &'static str,
        /// The OAuth scopes that the account requests, with spaces between.
        oauth_scope: &'static str,
    },
}

impl Credential {
    /// A bearer token that local runs give as `TOKEN`.
    pub const TOKEN: Self = Self::Bearer { given: "TOKEN" };

    /// The endings of the variables that say for whom it authenticates, and where.
    #[must_use]
    pub fn settings(self) -> &'static [&'static str] {
        match self {
            Self::Bearer { .. } => &[],
            Self::GoogleServiceAccount { .. } => &["SUBJECT", "TOKEN_URL"],
        }
    }

    /// The ending of the variable that holds the secret itself, for local runs.
    #[must_use]
    pub fn given(self) -> &'static str {
        match self {
            Self::Bearer { given } | Self::GoogleServiceAccount { given, .. } => given,
        }
    }
}

/// A header that a vendor wants with every request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Header {
    /// The header's name, in lower case.
    pub name: &'static str,
    /// The ending of the variable that sets it otherwise.
    pub variable: &'static str,
    /// Its value without that variable.
    pub value: &'static str,
}

/// An API version that is a part of a vendor's paths.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PathVersion {
    /// The ending of the variable that sets it otherwise.
    pub variable: &'static str,
    /// The version without that variable.
    pub value: &'static str,
}

/// How a full run cuts the history into windows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Windows {
    /// The width of a window in days; `WINDOW_DAYS`.
    pub days: u64,
    /// How many windows are paged at once; `CONCURRENCY`.
    pub side_by_side: usize,
}

/// The name of a source's variable: `HUBSPOT_TOKEN` of `hubspot` and `TOKEN`.
#[must_use]
pub fn variable(source: &dyn Source, ending: &str) -> String {
    format!("{}_{ending}", source.name().to_uppercase().replace('-', "_"))
}
