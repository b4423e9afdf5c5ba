//! Access to a route: the key that a request presents, the key that is stored, and one decision.

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use uuid::Uuid;

use crate::account::Role;
pub use crate::scope::Scope;
use crate::signature::key::{self, KeyMark};
use crate::text::LONGEST_API_KEY;

/// The header that carried a key. An admin key counts in its own header only, so that one pasted
/// into the wrong place does not work by accident.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeyHeader {
    /// `X-Api-Key`
    ApiKey,
    /// `X-Admin-Api-Key`
    AdminApiKey,
}

impl KeyHeader {
    /// Every header that may carry a key, the stronger one first.
    pub const ALL: [Self; 2] = [Self::AdminApiKey, Self::ApiKey];

    /// The header's name in lower case, as HTTP/2 and API Gateway spell it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::ApiKey => "x-api-key",
            Self::AdminApiKey => "x-admin-api-key",
        }
    }
}

/// The demand of a route on its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// The route is open to all.
    Nothing,
    /// The route verifies the vendor's signature itself: it needs the body for that.
    Signature,
    /// A key that may read, or an admin key.
    Read,
    /// A key that may send.
    Ingest,
    /// An admin key.
    Admin,
    /// A person's session with at least this role. No key opens it.
    Session(Role),
}

impl Need {
    /// The headers and scopes that meet it.
    const fn keys(self) -> &'static [(KeyHeader, Scope)] {
        match self {
            Self::Nothing | Self::Signature | Self::Session(_) => &[],
            Self::Read => {
                &[(KeyHeader::ApiKey, Scope::Read), (KeyHeader::AdminApiKey, Scope::Admin)]
            }
            Self::Ingest => &[(KeyHeader::ApiKey, Scope::Ingest)],
            Self::Admin => &[(KeyHeader::AdminApiKey, Scope::Admin)],
        }
    }

    /// Whether a key in this header could meet it. If not, no look-up is worth its round trip.
    #[must_use]
    pub fn accepts(self, header: KeyHeader) -> bool {
        self.keys().iter().any(|(accepted, _)| *accepted == header)
    }

    /// The least role of a session that meets it; `None` if no session does.
    #[must_use]
    pub const fn role(self) -> Option<Role> {
        match self {
            Self::Session(role) => Some(role),
            Self::Nothing | Self::Signature | Self::Read | Self::Ingest | Self::Admin => None,
        }
    }

    /// Whether a key of this scope meets it, when it came in this header.
    #[must_use]
    pub fn is_met_by(self, header: KeyHeader, scope: Scope) -> bool {
        self.keys().contains(&(header, scope))
    }
}

/// The key of a request, already hashed: the key itself goes no further.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PresentedKey {
    /// The header that carried it.
    pub header: KeyHeader,
    /// SHA-256 of the key's bytes, without its mark.
    pub sha256: [u8; 32],
    /// The mark that proves who has made the key; `None` if it has none.
    pub mark: Option<KeyMark>,
}

/// Returns the SHA-256 of a key, as it is stored, and the key's mark.
#[must_use]
pub fn hashed(key: &[u8]) -> ([u8; 32], Option<KeyMark>) {
    let (hashed, mark) = key::split(key);
    (Sha256::digest(hashed).into(), mark)
}

/// A request of this many bytes counts once against its key's rate.
pub const BYTES_A_REQUEST: usize = 16 * 1024;

/// Returns how often a request of that many bytes counts: once for each [`BYTES_A_REQUEST`], begun
/// ones included.
#[must_use]
pub fn weight(bytes: usize) -> u32 {
    u32::try_from(bytes.div_ceil(BYTES_A_REQUEST)).unwrap_or(u32::MAX).max(1)
}

impl PresentedKey {
    /// All senders without a key, who share one rate. No key has this hash.
    pub const NONE: Self = Self { header: KeyHeader::ApiKey, sha256: [0; 32], mark: None };

    /// Hashes the value of a header; `None` if it is empty or longer than any key.
    #[must_use]
    pub fn new(header: KeyHeader, value: &[u8]) -> Option<Self> {
        let sane = !value.is_empty() && value.len() <= LONGEST_API_KEY;
        let (sha256, mark) = hashed(value);
        sane.then_some(Self { header, sha256, mark })
    }

    /// Whether a stored hash is that of this key, in constant time.
    #[must_use]
    pub fn matches(&self, stored_sha256: &[u8; 32]) -> bool {
        self.sha256.ct_eq(stored_sha256).into()
    }
}

/// A stored key that was valid when it was read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiKey {
    /// Its id in `api_keys`, by which it is revoked.
    pub id: Uuid,
    /// The holder's name, chosen by the operator who made the key.
    pub name: String,
    /// The permission that it gives.
    pub scope: Scope,
    /// SHA-256 of the key's bytes.
    pub sha256: [u8; 32],
}

/// The result of looking a presented key up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum KeyStatus {
    /// The key is valid, and one request of its rate is now spent.
    Valid(ApiKey),
    /// There is no such key, or it was revoked.
    Unknown,
    /// The key has no requests left in this window.
    RateLimited {
        /// Whole seconds until the next window, at least 1.
        retry_after_s: u32,
    },
}

/// Why a caller may not use a route.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// The route is for people who are signed in.
    SignedOut,
    /// The caller is signed in with a lower role than the route is for.
    Forbidden,
    /// The key is unknown, revoked or of another scope. Callers are not told which.
    Unauthorized,
    /// The key is valid but has no requests left in this window.
    RateLimited {
        /// Whole seconds until the next window, at least 1.
        retry_after_s: u32,
    },
}

/// Decides whether the presented key opens a route that needs `need`. Every function asks here.
///
/// The stored key comes back as proof: there is no other way to an [`ApiKey`] than a look-up.
///
/// # Errors
/// [`Denied::RateLimited`] if the key has spent its rate. [`Denied::Unauthorized`] if it
/// is unknown, has another scope, or came in another header than its scope is accepted in.
pub fn authorize(
    need: Need,
    presented: &PresentedKey,
    status: KeyStatus,
) -> Result<ApiKey, Denied> {
    match status {
        KeyStatus::RateLimited { retry_after_s } => Err(Denied::RateLimited { retry_after_s }),
        KeyStatus::Valid(key)
            if presented.matches(&key.sha256) && need.is_met_by(presented.header, key.scope) =>
        {
            Ok(key)
        }
        KeyStatus::Valid(_) | KeyStatus::Unknown => Err(Denied::Unauthorized),
    }
}

/// Decides whether a person opens a route that needs `need`. `role` is that of the session that was
/// found; `None` if there is none, or it is over.
///
/// # Errors
/// [`Denied::SignedOut`] without a session, [`Denied::Forbidden`] if its role is too low, and
/// [`Denied::Unauthorized`] if the route is for keys.
pub fn admit(need: Need, role: Option<Role>) -> Result<(), Denied> {
    match need {
        Need::Nothing => Ok(()),
        Need::Session(least) => match role {
            None => Err(Denied::SignedOut),
            Some(role) if role < least => Err(Denied::Forbidden),
            Some(_) => Ok(()),
        },
        Need::Signature | Need::Read | Need::Ingest | Need::Admin => Err(Denied::Unauthorized),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_role_opens_the_routes_of_its_own_and_of_lower_roles_and_no_route_of_a_key() {
        for least in Role::ALL {
            let need = Need::Session(least);
            assert_eq!(admit(need, None), Err(Denied::SignedOut));
            for role in Role::ALL {
                let admitted = if role >= least { Ok(()) } else { Err(Denied::Forbidden) };
                assert_eq!(admit(need, Some(role)), admitted, "{role:?} for {least:?}");
            }
        }
        for need in [Need::Signature, Need::Read, Need::Ingest, Need::Admin] {
            assert_eq!(admit(need, Some(Role::Admin)), Err(Denied::Unauthorized));
        }
        assert_eq!(admit(Need::Nothing, None), Ok(()));
    }

    fn stored(scope: Scope) -> ApiKey {
        let sha256 = Sha256::digest(b"k").into();
        ApiKey { id: Uuid::nil(), name: "crm".to_owned(), scope, sha256 }
    }

    #[test]
    fn a_scope_opens_its_routes_in_its_header_and_no_others() {
        use KeyHeader::{AdminApiKey, ApiKey};
        for (need, open) in [
            (Need::Nothing, &[][..]),
            (Need::Signature, &[]),
            (Need::Read, &[(ApiKey, Scope::Read), (AdminApiKey, Scope::Admin)]),
            (Need::Ingest, &[(ApiKey, Scope::Ingest)]),
            (Need::Admin, &[(AdminApiKey, Scope::Admin)]),
            (Need::Session(Role::Viewer), &[]),
        ] {
            for header in KeyHeader::ALL {
                for scope in [Scope::Read, Scope::Ingest, Scope::Admin] {
                    let presented = PresentedKey::new(header, b"k").unwrap();
                    let outcome = authorize(need, &presented, KeyStatus::Valid(stored(scope)));
                    let wanted = open.contains(&(header, scope));
                    assert_eq!(outcome.is_ok(), wanted, "{need:?} {header:?} {scope:?}");
                }
                assert_eq!(
                    need.accepts(header),
                    open.iter().any(|(accepted, _)| *accepted == header)
                );
            }
        }
    }

    #[test]
    fn another_keys_row_opens_nothing() {
        let presented = PresentedKey::new(KeyHeader::ApiKey, b"l").unwrap();
        let status = KeyStatus::Valid(stored(Scope::Read));
        assert_eq!(authorize(Need::Read, &presented, status), Err(Denied::Unauthorized));
    }

    #[test]
    fn a_spent_rate_is_told_apart_from_a_key_that_is_unknown() {
        let presented = PresentedKey::new(KeyHeader::ApiKey, b"k").unwrap();
        let limited = KeyStatus::RateLimited { retry_after_s: 7 };
        let denied = Denied::RateLimited { retry_after_s: 7 };
        assert_eq!(authorize(Need::Read, &presented, limited), Err(denied));
        let unknown = authorize(Need::Read, &presented, KeyStatus::Unknown);
        assert_eq!(unknown, Err(Denied::Unauthorized));
    }

    #[test]
    fn a_request_counts_once_for_each_16_kib_of_it() {
        for (bytes, times) in [(0, 1), (1, 1), (16_384, 1), (16_385, 2), (1_048_576, 64)] {
            assert_eq!(weight(bytes), times, "{bytes}");
        }
    }

    #[test]
    fn an_empty_or_endless_key_is_none() {
        for value in [&b""[..], &[b'k'; LONGEST_API_KEY + 1]] {
            assert_eq!(PresentedKey::new(KeyHeader::ApiKey, value), None);
        }
    }
}
