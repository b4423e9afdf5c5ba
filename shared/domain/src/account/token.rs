//! Tokens: 32 characters that only their holder knows. The database has their SHA-256.

use sha2::{Digest as _, Sha256};

/// The characters of a token: 190 bits.
pub const LENGTH: usize = 32;

const CHARACTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Makes a token. `fill` fills a slice with random bytes, as the operating system's generator does.
///
/// # Errors
/// The error of `fill`.
pub fn make<E>(mut fill: impl FnMut(&mut [u8]) -> Result<(), E>) -> Result<String, E> {
    let mut token = String::with_capacity(LENGTH);
    loop {
        let mut random = [0; LENGTH + 8];
        fill(&mut random)?;
        for byte in random {
            // Six bits a character. Two of the 64 values have none, and are thrown away: a
            // remainder would make some characters likelier than others.
            if let Some(character) = CHARACTERS.get(usize::from(byte & 63)) {
                token.push(char::from(*character));
                if token.len() == LENGTH {
                    return Ok(token);
                }
            }
        }
    }
}

/// Returns the SHA-256 of what was presented as a token, as the database has it. `None` if it
/// cannot be one.
#[must_use]
pub fn hashed(presented: &str) -> Option<[u8; 32]> {
    let is_token =
        presented.len() == LENGTH && presented.bytes().all(|byte| byte.is_ascii_alphanumeric());
    is_token.then(|| Sha256::digest(presented).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_character_is_as_likely_as_any_other() {
        let mut counts = [0_u32; 128];
        let mut next = 0_u8;
        // Every byte equally often.
        let mut all = |bytes: &mut [u8]| {
            for byte in bytes {
                *byte = next;
                next = next.wrapping_add(1);
            }
            Ok::<_, ()>(())
        };
        for _ in 0..62 * 8 {
            for character in make(&mut all).unwrap().bytes() {
                counts[usize::from(character)] += 1;
            }
        }
        let seen: Vec<u32> = counts.into_iter().filter(|count| *count > 0).collect();
        assert_eq!(seen.len(), 62);
        let (least, most) = (seen.iter().min().unwrap(), seen.iter().max().unwrap());
        assert!(most - least <= 64, "{least} to {most} of 256");
    }

    #[test]
    fn bytes_that_are_no_character_are_drawn_again() {
        let mut calls = 0;
        let token = make(|bytes| {
            bytes.fill(if calls < 3 { 255 } else { 0 });
            calls += 1;
            Ok::<_, ()>(())
        });
        assert_eq!(token, Ok("A".repeat(LENGTH)));
        assert_eq!(calls, 4);
    }

    #[test]
    fn a_generator_that_fails_makes_no_token() {
        assert_eq!(make(|_| Err("no entropy")), Err("no entropy"));
    }

    #[test]
    fn what_is_no_token_is_not_looked_up() {
        assert!(hashed(&"a".repeat(LENGTH)).is_some());
        for text in ["", "a", &"a".repeat(31), &"a".repeat(33), &"a-".repeat(16), &"é".repeat(16)]
        {
            assert_eq!(hashed(text), None, "{text}");
        }
    }
}
