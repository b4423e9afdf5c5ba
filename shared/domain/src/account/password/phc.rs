//! The PHC string format of an Argon2id hash, and no other:
//! `$argon2id$v=19$m=<KiB>,t=<passes>,p=<lanes>$<salt>$<hash>`, in base64 without padding.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD_NO_PAD;

use super::{Cost, HASH};

/// Salts of other makers have from 8 bytes on.
const SALTS: std::ops::RangeInclusive<usize> = 8..=64;

/// An Argon2id hash with all that is needed to compute it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Phc {
    pub cost: Cost,
    pub salt: Vec<u8>,
    pub hash: Vec<u8>,
}

impl Phc {
    /// Reads the text of a hash; `None` if it is another kind of hash, or none.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let rest = text.strip_prefix("$argon2id$v=19$")?;
        let mut parts = rest.split('$');
        let (cost, salt, hash) = (parts.next()?, parts.next()?, parts.next()?);
        let salt = STANDARD_NO_PAD.decode(salt).ok()?;
        let hash = STANDARD_NO_PAD.decode(hash).ok()?;
        let is_whole = parts.next().is_none() && SALTS.contains(&salt.len()) && hash.len() == HASH;
        is_whole.then_some(Self { cost: parse_cost(cost)?, salt, hash })
    }
}

fn parse_cost(text: &str) -> Option<Cost> {
    let mut parts = text.split(',');
    let mut number = |name: &str| parts.next()?.strip_prefix(name)?.parse().ok();
    let cost = Cost { memory_kib: number("m=")?, passes: number("t=")?, lanes: number("p=")? };
    parts.next().is_none().then_some(cost)
}

impl fmt::Display for Phc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { cost: Cost { memory_kib, passes, lanes }, salt, hash } = self;
        let (salt, hash) = (STANDARD_NO_PAD.encode(salt), STANDARD_NO_PAD.encode(hash));
        write!(f, "$argon2id$v=19$m={memory_kib},t={passes},p={lanes}${salt}${hash}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_survives_its_own_text() {
        let phc = Phc { cost: Cost::OWASP, salt: vec![1; 16], hash: vec![2; HASH] };
        assert_eq!(Phc::parse(&phc.to_string()), Some(phc));
    }

    #[test]
    fn a_text_with_a_part_more_or_less_is_none() {
        let whole = Phc { cost: Cost::LEAST, salt: vec![1; 16], hash: vec![2; HASH] }.to_string();
        for text in [
            format!("{whole}$"),
            format!("{whole}="),
            whole.replace("v=19", "v=16"),
            whole.replace("p=1", "p=1,keyid=a"),
            whole.replace("m=8,t=1", "t=1,m=8"),
            whole.replace("m=8", "m=-8"),
            whole.replace("argon2id", "argon2d"),
            whole[..whole.len() - 1].to_owned(),
        ] {
            assert_eq!(Phc::parse(&text), None, "{text}");
        }
    }
}
