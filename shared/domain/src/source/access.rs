//! How a vendor is reached that wants no more than a key.

use super::Source;

/// What `fetch` must know of a vendor that takes a bearer key. A deployment says where the key is, and may say the rest
/// otherwise, by the variables that [`variable`] names: `SECRET_ARN` (for local runs `TOKEN` is the key itself),
/// `BASE_URL`, `PAGE_SIZE`, `RATE_PER_SECOND`, `TIMEOUT_SECONDS`. Without a key it is no source of that deployment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Access {
    /// Scheme and host.
    pub base_url: &'static str,
    /// Objects a page.
    pub page_size: u32,
    /// Objects that the vendor gives a page at most.
    pub most: u32,
    /// Requests a second, of each environment.
    pub per_second: u32,
    /// The ending of the variable that says what part of the vendor is pulled (`Paging::scope`), such as `CALENDAR_ID`;
    /// it must be set where there is a key. None where all of it is pulled.
    pub scope: Option<&'static str>,
}

/// The name of a source's variable: `HUBSPOT_TOKEN` of `hubspot` and `TOKEN`.
#[must_use]
pub fn variable(source: &dyn Source, ending: &str) -> String {
    format!("{}_{ending}", source.name().to_uppercase().replace('-', "_"))
}
