//! The permission of an API key.

/// The permission that a stored key gives.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Read metrics, runs and journeys.
    Read,
    /// Send events and leads.
    Ingest,
    /// Everything an operator does, reading included.
    Admin,
}

impl Scope {
    /// The scope as the `api_keys` table spells it.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Ingest => "ingest",
            Self::Admin => "admin",
        }
    }

    /// The scope that the `api_keys` table spells `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Read, Self::Ingest, Self::Admin].into_iter().find(|scope| scope.as_str() == text)
    }
}
