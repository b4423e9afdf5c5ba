//! Links that work once.

use std::time::Duration;

/// The use of a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Signs its user in at once.
    SignIn,
    /// Makes an account with a role, or gives a new account its password.
    Invite,
    /// Sets a new password.
    Reset,
}

impl Kind {
    /// All kinds of links.
    pub const ALL: [Self; 3] = [Self::SignIn, Self::Invite, Self::Reset];

    /// The kind as the `account_links` table spells it.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SignIn => "sign_in",
            Self::Invite => "invite",
            Self::Reset => "reset",
        }
    }

    /// The kind that the `account_links` table spells `text`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    /// Whether a link of this kind asks for a password.
    #[must_use]
    pub const fn asks_for_password(self) -> bool {
        matches!(self, Self::Invite | Self::Reset)
    }

    /// How long a link of this kind works.
    #[must_use]
    pub const fn lasts(self) -> Duration {
        const HOUR: u64 = 60 * 60;
        match self {
            Self::SignIn | Self::Reset => Duration::from_secs(HOUR),
            Self::Invite => Duration::from_secs(7 * 24 * HOUR),
        }
    }
}

/// The path of the page that shows a link's button. Nothing happens before it is pressed.
pub const PATH: &str = "/console/link";

/// Returns the address of a link's page.
#[must_use]
pub fn url(base: &str, token: &str) -> String {
    format!("{}{PATH}?token={token}", base.trim_end_matches('/'))
}
