//! Passwords: how long they are, how they are stored, and how one is compared with what is stored.
//!
//! A password is stored as an Argon2id hash in the PHC string format, which names its own
//! parameters. Hashes that were imported from Better Auth verify too. Both are hashed anew, with
//! the parameters of today, at the next sign-in.

mod phc;

use std::fmt;

use argon2::{Algorithm, Argon2, Params, Version};
use subtle::ConstantTimeEq as _;
use unicode_normalization::UnicodeNormalization as _;

use phc::Phc;

/// The fewest characters of a password.
pub const SHORTEST: usize = 8;

/// The most characters of a password.
pub const LONGEST: usize = 128;

/// The bytes of a salt.
pub const SALT: usize = 16;

/// The bytes of a hash.
const HASH: usize = 32;

/// The work of a hash.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Cost {
    /// The memory in KiB.
    pub memory_kib: u32,
    /// The passes over the memory.
    pub passes: u32,
    /// The lanes, which are worked one after the other.
    pub lanes: u32,
}

impl Cost {
    /// The first choice of OWASP's table: 19 MiB, two passes.
    pub const OWASP: Self = Self { memory_kib: 19_456, passes: 2, lanes: 1 };

    /// The least that Argon2 takes. It protects nothing: it is for tests.
    pub const LEAST: Self = Self { memory_kib: 8, passes: 1, lanes: 1 };

    /// The most that a stored hash may ask for. A hash that asks for more is not worked.
    const MOST: Self = Self { memory_kib: 65_536, passes: 10, lanes: 4 };

    fn params(self) -> Option<Params> {
        let Self { memory_kib, passes, lanes } = self;
        Params::new(memory_kib, passes, lanes, Some(HASH)).ok()
    }

    /// Whether a hash of this cost is to be made anew at `wanted`.
    const fn is_below(self, wanted: Self) -> bool {
        self.memory_kib < wanted.memory_kib
            || self.passes < wanted.passes
            || self.lanes != wanted.lanes
    }

    const fn is_worked(self) -> bool {
        self.memory_kib <= Self::MOST.memory_kib
            && self.passes <= Self::MOST.passes
            && self.lanes <= Self::MOST.lanes
    }
}

/// Why a text cannot become a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unfit {
    /// It has fewer than [`SHORTEST`] characters.
    #[error("the password is too short")]
    TooShort,
    /// It has more than [`LONGEST`] characters.
    #[error("the password is too long")]
    TooLong,
}

/// A password that somebody has typed. It is in no output.
pub struct Password(String);

impl Password {
    /// Takes a password to be stored. A code point counts as one character, as in the contract's
    /// schema (JSON Schema, `minLength`) and in NIST SP 800-63B, 3.1.1.2.
    ///
    /// # Errors
    /// [`Unfit`] if it is too short or too long.
    pub fn fit(text: &str) -> Result<Self, Unfit> {
        match text.chars().take(LONGEST + 1).count() {
            ..SHORTEST => Err(Unfit::TooShort),
            SHORTEST..=LONGEST => Ok(Self::presented(text)),
            _ => Err(Unfit::TooLong),
        }
    }

    /// Takes a password to be compared. Any text will do; one that is too long to be one is cut, so
    /// that it costs no more than others.
    #[must_use]
    pub fn presented(text: &str) -> Self {
        // The same password typed on two keyboards has the same bytes.
        Self(text.chars().take(LONGEST + 1).nfkc().collect())
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(..)")
    }
}

/// The result of a comparison.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// It is another password.
    Wrong,
    /// It is the password.
    Right {
        /// Whether it is to be hashed anew, because its parameters are lower than those of today.
        raise: bool,
    },
}

/// The parameters of Argon2 or the size of a hash are not what Argon2 takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the password cannot be hashed by these parameters")]
pub struct Unhashable;

/// Hashes a password with a salt of random bytes, and returns its stored form.
///
/// # Errors
/// [`Unhashable`] if Argon2 does not take the parameters.
pub fn hash(password: &Password, salt: [u8; SALT], cost: Cost) -> Result<String, Unhashable> {
    let hash = argon2id(password, &salt, cost).ok_or(Unhashable)?;
    Ok(Phc { cost, salt: salt.to_vec(), hash: hash.to_vec() }.to_string())
}

/// Compares a password with its stored form. Without one, as much work is done for nothing, so that
/// an unknown account takes as long as a wrong password (trap 58).
#[must_use]
pub fn verify(password: &Password, stored: Option<&str>, wanted: Cost) -> Verdict {
    let is_right = |computed: &[u8], hash: &[u8]| bool::from(computed.ct_eq(hash));
    if let Some((salt, hash)) = stored.and_then(better_auth) {
        return match scrypt(password, salt) {
            Some(computed) if is_right(&computed, &hash) => Verdict::Right { raise: true },
            _ => Verdict::Wrong,
        };
    }
    let known = stored.and_then(Phc::parse).filter(|phc| phc.cost.is_worked());
    let Some(Phc { cost, salt, hash }) = known else {
        // What it is compared with is the hash of no password: nobody can be let in here.
        let computed = argon2id(password, &[0; SALT], wanted);
        std::hint::black_box(computed.map(|computed| is_right(&computed, &[0; HASH])));
        return Verdict::Wrong;
    };
    match argon2id(password, &salt, cost) {
        Some(computed) if is_right(&computed, &hash) => {
            Verdict::Right { raise: cost.is_below(wanted) }
        }
        _ => Verdict::Wrong,
    }
}

fn argon2id(password: &Password, salt: &[u8], cost: Cost) -> Option<[u8; HASH]> {
    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, cost.params()?);
    let mut hash = [0; HASH];
    argon2.hash_password_into(password.0.as_bytes(), salt, &mut hash).ok()?;
    Some(hash)
}

/// The bytes of a hash by Better Auth.
const SCRYPT_HASH: usize = 64;

/// Splits the stored form of Better Auth, `salt:hash`, both in hexadecimal. The salt is used as the
/// text that it is.
fn better_auth(stored: &str) -> Option<(&str, Vec<u8>)> {
    let (salt, hash) = stored.split_once(':')?;
    let is_salt = salt.len() == 32 && salt.bytes().all(|byte| byte.is_ascii_hexdigit());
    let hash = hex::decode(hash).ok().filter(|hash| hash.len() == SCRYPT_HASH)?;
    is_salt.then_some((salt, hash))
}

/// scrypt by the parameters of Better Auth: N = 16,384, r = 16, p = 1.
fn scrypt(password: &Password, salt: &str) -> Option<[u8; SCRYPT_HASH]> {
    let params = scrypt::Params::new(14, 16, 1).ok()?;
    let mut hash = [0; SCRYPT_HASH];
    scrypt::scrypt(password.0.as_bytes(), salt.as_bytes(), &params, &mut hash).ok()?;
    Some(hash)
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: Cost = Cost::LEAST;

    fn password(text: &str) -> Password {
        Password::presented(text)
    }

    #[test]
    fn a_password_verifies_against_its_own_hash_and_no_other_does() {
        let stored = hash(&password("correct horse"), [7; SALT], CHEAP).unwrap();
        let verify = |text| verify(&password(text), Some(&stored), CHEAP);
        assert_eq!(verify("correct horse"), Verdict::Right { raise: false });
        for other in ["", "correct hors", "correct horse ", "Correct horse"] {
            assert_eq!(verify(other), Verdict::Wrong, "{other}");
        }
    }

    #[test]
    fn the_stored_form_is_a_phc_string_of_argon2id() {
        let stored = hash(&password("correct horse"), [7; SALT], Cost::OWASP).unwrap();
        let start = "$argon2id$v=19$m=19456,t=2,p=1$BwcHBwcHBwcHBwcHBwcHBw$";
        assert!(stored.starts_with(start), "{stored}");
        assert_eq!(stored.len(), start.len() + 43);
    }

    #[test]
    fn a_hash_of_another_maker_verifies() {
        // From the reference implementation: `argon2 somesalt -id -t 2 -m 16 -p 1 <<< password`.
        let stored = "$argon2id$v=19$m=65536,t=2,p=1$c29tZXNhbHQ$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc";
        assert_eq!(
            verify(&password("password"), Some(stored), Cost::OWASP),
            Verdict::Right { raise: false }
        );
    }

    #[test]
    fn a_hash_of_lower_parameters_is_raised() {
        let stored = hash(&password("correct horse"), [7; SALT], CHEAP).unwrap();
        for dearer in [
            Cost { memory_kib: 16, ..CHEAP },
            Cost { passes: 2, ..CHEAP },
            Cost { memory_kib: 16, passes: 1, lanes: 2 },
        ] {
            let verdict = verify(&password("correct horse"), Some(&stored), dearer);
            assert_eq!(verdict, Verdict::Right { raise: true }, "{dearer:?}");
        }
    }

    #[test]
    fn an_imported_hash_of_better_auth_verifies_and_is_raised() {
        let salt = "0123456789abcdef0123456789abcdef";
        let made = scrypt(&password("correct horse"), salt).unwrap();
        let stored = format!("{salt}:{}", hex::encode(made));
        let verify = |text| verify(&password(text), Some(&stored), CHEAP);
        assert_eq!(verify("correct horse"), Verdict::Right { raise: true });
        assert_eq!(verify("wrong horse"), Verdict::Wrong);
    }

    #[test]
    fn the_same_password_of_another_keyboard_is_the_same() {
        // An umlaut as one character and as two; a ligature and its letters.
        let stored = hash(&password("schl\u{fc}ssel \u{fb01}x"), [7; SALT], CHEAP).unwrap();
        let typed = password("schlu\u{308}ssel fix");
        assert_eq!(verify(&typed, Some(&stored), CHEAP), Verdict::Right { raise: false });
    }

    #[test]
    fn without_a_stored_form_no_password_is_right() {
        for stored in [
            None,
            Some(""),
            Some("!"),
            Some("$argon2id$v=19$m=8,t=1,p=1$$"),
            Some("$argon2id$v=19$m=8,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$"),
            Some(
                "$argon2i$v=19$m=8,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            ),
            Some(
                "$argon2id$v=19$m=4294967295,t=1,p=1$BwcHBwcHBwcHBwcHBwcHBw$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",
            ),
            Some("0123456789abcdef0123456789abcdef:"),
            Some(":"),
        ] {
            for text in ["", "correct horse"] {
                assert_eq!(verify(&password(text), stored, CHEAP), Verdict::Wrong, "{stored:?}");
            }
        }
    }

    #[test]
    fn a_password_has_8_to_128_characters_whatever_bytes_they_take() {
        for (text, expected) in [
            ("a".repeat(7), Some(Unfit::TooShort)),
            ("a".repeat(8), None),
            ("\u{1f642}".repeat(7), Some(Unfit::TooShort)),
            ("\u{1f642}".repeat(8), None),
            ("ä".repeat(128), None),
            ("a".repeat(129), Some(Unfit::TooLong)),
            ("\u{1f642}".repeat(129), Some(Unfit::TooLong)),
        ] {
            assert_eq!(Password::fit(&text).err(), expected, "{text}");
        }
    }

    #[test]
    fn a_password_is_in_no_output() {
        assert_eq!(format!("{:?}", password("correct horse")), "Password(..)");
    }
}
