//! Random bytes of the operating system's generator.

use penstock_domain::account::{password, token};
use penstock_edge::http::Failure;

/// A token that was just made: for its holder once, and its SHA-256 for the database.
pub(crate) struct NewToken {
    /// The token itself. It goes into a cookie or a link, and nowhere else.
    pub text: String,
    /// Its SHA-256.
    pub sha256: [u8; 32],
}

/// Makes a token.
///
/// # Errors
/// A 500 if the operating system has no random bytes.
pub(crate) fn new_token() -> Result<NewToken, Failure> {
    let text =
        token::make(getrandom::fill).map_err(|error| Failure::internal(error.to_string()))?;
    let sha256 = token::hashed(&text).ok_or_else(|| Failure::internal("a token is none"))?;
    Ok(NewToken { text, sha256 })
}

/// Makes the salt of a password.
///
/// # Errors
/// A 500 if the operating system has no random bytes.
pub(crate) fn new_salt() -> Result<[u8; password::SALT], Failure> {
    let mut salt = [0; password::SALT];
    getrandom::fill(&mut salt).map_err(|error| Failure::internal(error.to_string()))?;
    Ok(salt)
}
