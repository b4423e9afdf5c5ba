//! Names of people who were erased, and the names in a text (docs/adr/0060-erasing-a-person.md).
//!
//! The functions `names_in` and `erasure_mask` of the schema find and mask the same. A test
//! compares them.

use std::collections::{BTreeSet, HashSet};

use sha2::{Digest, Sha256};

use crate::record::RowView;

/// The bytes before an `@` that can be of an address.
const LONGEST_LOCAL: usize = 100;

/// The bytes after an `@` that can be of an address.
const LONGEST_DOMAIN: usize = 255;

/// The shortest word that is an id in any text.
const SHORTEST_ID: usize = 8;

/// The longest one.
const LONGEST_ID: usize = 255;

/// Characters of an address behind which another address may begin.
const SOFT: &[u8] = b"!#$&'*/=?^`{|}~";

/// The content type of a row whose payload was taken out, and of which nothing is to be read.
pub const ERASED: &str = "application/x-penstock-erased";

/// The mark in place of a name.
const MASK: &[u8] = b"***";

/// Returns the name of whoever has this address.
#[must_use]
pub fn of_email(address: &str) -> String {
    format!("email:{}", address.trim_matches(' ').to_ascii_lowercase())
}

/// Returns the name of whoever is this user to the senders of events.
#[must_use]
pub fn of_user(id: &str) -> String {
    format!("user:{id}")
}

/// Returns the name of whoever has had this session. Only events without a user are asked for it.
#[must_use]
pub fn of_session(id: &str) -> String {
    format!("session:{id}")
}

/// Returns the name of whoever an object of a connection is about.
#[must_use]
pub fn of_object(source: &str, external_id: &str) -> String {
    format!("object:{source}:{external_id}")
}

/// The names of all who were erased, as salted hashes.
#[derive(Debug, Clone, Default)]
pub struct ErasedNames {
    salt: Vec<u8>,
    hashes: HashSet<[u8; 32]>,
}

impl ErasedNames {
    /// Creates a list without names, of a database that has this salt.
    #[must_use]
    pub fn salted(salt: &[u8]) -> Self {
        Self { salt: salt.to_vec(), hashes: HashSet::new() }
    }

    /// Adds a name by its hash. One that has another length is none.
    pub fn add(&mut self, hash: &[u8]) {
        if let Ok(hash) = hash.try_into() {
            self.hashes.insert(hash);
        }
    }

    /// Returns whether nobody was erased.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// Returns the hash of a name.
    #[must_use]
    pub fn hash(&self, name: &str) -> [u8; 32] {
        Sha256::new().chain_update(&self.salt).chain_update(name).finalize().into()
    }

    /// Returns whether the name is of somebody who was erased.
    #[must_use]
    pub fn has(&self, name: &str) -> bool {
        !self.is_empty() && self.hashes.contains(&self.hash(name))
    }

    /// Returns whether the object of a row is of somebody who was erased.
    #[must_use]
    pub fn has_object(&self, row: RowView<'_>) -> bool {
        self.has(&of_object(row.source, row.external_id))
    }

    /// Returns the text without the names of people who were erased; `None` if it has none. A text
    /// with a zero byte is no text, and nothing of it is returned.
    #[must_use]
    pub fn masked(&self, text: &[u8]) -> Option<Vec<u8>> {
        if self.is_empty() {
            return None;
        }
        let mut found: Vec<String> =
            names_in(text).into_iter().filter(|name| self.has(name)).collect();
        if found.is_empty() {
            return None;
        }
        if text.contains(&0) {
            return Some(Vec::new());
        }
        found.sort_by_key(|name| std::cmp::Reverse(name.len()));
        Some(found.iter().fold(text.to_vec(), |text, name| without(&text, name)))
    }

    /// Returns the text as it may be kept: itself, if it names nobody who was erased.
    #[must_use]
    pub fn kept(&self, text: &str) -> String {
        let masked = self.masked(text.as_bytes());
        masked.map_or_else(|| text.to_owned(), |text| String::from_utf8_lossy(&text).into_owned())
    }
}

/// Returns the names in a text: addresses, and ids that are long and mixed enough to be nobody
/// else's.
#[must_use]
pub fn names_in(text: &[u8]) -> BTreeSet<String> {
    let plain = plain(text);
    let mut names = BTreeSet::new();
    let parts: Vec<&[u8]> = plain.split(|byte| *byte == b'@').collect();
    for pair in parts.windows(2) {
        if let [before, after] = pair
            && let (Some(local), Some(domain)) = (local(before), domain(after))
        {
            addresses(local, domain, &mut names);
        }
    }
    for word in plain.split(|byte| !is_of_word(*byte)) {
        let is_mixed =
            word.iter().any(u8::is_ascii_digit) && word.iter().any(u8::is_ascii_alphabetic);
        if is_mixed && (SHORTEST_ID..=LONGEST_ID).contains(&word.len()) {
            names.insert(format!("id:{}", ascii(word)));
        }
    }
    names
}

/// The text as ASCII: another byte becomes an octal number. What JSON and forms escape is itself,
/// or a space.
fn plain(text: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((first, behind)) = rest.split_first() {
        if let Some((byte, length)) = escaped(rest) {
            plain.push(byte);
            rest = rest.get(length..).unwrap_or_default();
            continue;
        }
        if *first == 0 || !first.is_ascii() {
            plain.extend_from_slice(format!("\\{first:03o}").as_bytes());
        } else {
            plain.push(*first);
        }
        rest = behind;
    }
    plain
}

/// The character that an escape at the beginning of a text stands for, and the escape's length.
fn escaped(text: &[u8]) -> Option<(u8, usize)> {
    let hex = |at: usize| {
        let digits = text.get(at..at + 2).filter(|two| two.iter().all(u8::is_ascii_hexdigit))?;
        u8::from_str_radix(std::str::from_utf8(digits).ok()?, 16).ok()
    };
    let meant = |byte| if matches!(byte, b'@' | b'+') { byte } else { b' ' };
    match text {
        [b'%', ..] => hex(1).map(|byte| (meant(byte), 3)),
        [b'\\', b'n' | b'r' | b't', ..] => Some((b'\n', 2)),
        [b'\\', b'u', b'0', b'0', ..] => hex(4).map(|byte| (meant(byte), 6)),
        _ => None,
    }
}

/// The end of a text that can be the beginning of an address.
fn local(before: &[u8]) -> Option<&[u8]> {
    let before = before.get(before.len().saturating_sub(LONGEST_LOCAL)..)?;
    let is_of_it =
        |byte: &u8| byte.is_ascii_alphanumeric() || b".-_+".contains(byte) || SOFT.contains(byte);
    let from = before.iter().rposition(|byte| !is_of_it(byte)).map_or(0, |last| last + 1);
    before.get(from..).filter(|local| !local.is_empty())
}

/// The beginning of a text that can be the end of an address.
fn domain(after: &[u8]) -> Option<&[u8]> {
    let is_of_it = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'.' | b'-');
    let after = after.get(..LONGEST_DOMAIN).unwrap_or(after);
    let run = after.iter().position(|byte| !is_of_it(byte)).unwrap_or(after.len());
    let run = after.get(..run)?;
    let last = run.iter().rposition(u8::is_ascii_alphanumeric)?;
    run.get(..=last).filter(|domain| domain.first().is_some_and(u8::is_ascii_alphanumeric))
}

/// Adds the addresses that a text can mean: `to=anna@example.com` may be one, or have one.
fn addresses(local: &[u8], domain: &[u8], names: &mut BTreeSet<String>) {
    let behind_soft = local.iter().enumerate().filter(|(_, byte)| SOFT.contains(byte));
    for from in std::iter::once(0).chain(behind_soft.map(|(at, _)| at + 1)) {
        let rest = local.get(from..).unwrap_or_default();
        let dots = rest.iter().take_while(|byte| matches!(byte, b'.' | b'-')).count();
        let rest = rest.get(dots..).unwrap_or_default();
        if !rest.is_empty() {
            names.insert(of_email(&format!("{}@{}", ascii(rest), ascii(domain))));
        }
    }
}

fn ascii(bytes: &[u8]) -> String {
    bytes.iter().copied().map(char::from).collect()
}

/// The text without a name.
fn without(text: &[u8], name: &str) -> Vec<u8> {
    let Some((kind, word)) = name.split_once(':') else { return text.to_vec() };
    let is_address = kind == "email";
    let mut masked = Vec::with_capacity(text.len());
    let mut at = 0;
    while let Some((before, rest)) = text.split_at_checked(at)
        && let Some(byte) = rest.first()
    {
        let length = length_of(rest, word.as_bytes(), is_address);
        let ends = |length: &usize| {
            ends_name(rest.get(*length..).unwrap_or_default(), is_address)
                && begins_name(before, is_address)
        };
        match length.filter(ends) {
            Some(length) => {
                masked.extend_from_slice(MASK);
                at += length;
            }
            None => {
                masked.push(*byte);
                at += 1;
            }
        }
    }
    masked
}

const fn is_of_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-')
}

const fn is_filler(byte: u8) -> bool {
    matches!(byte, b'.' | b'-')
}

/// Whether a name may begin behind this text: behind what is of no name, or behind an escape.
fn begins_name(before: &[u8], is_address: bool) -> bool {
    let fillers = before.iter().rev().take_while(|byte| is_address && is_filler(**byte)).count();
    let before = before.get(..before.len() - fillers).unwrap_or_default();
    let is_of_name = |byte: u8| match is_address {
        true => byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'+') || !byte.is_ascii(),
        false => is_of_word(byte) || !byte.is_ascii(),
    };
    let behind_escape = || {
        [2, 3, 6].into_iter().any(|length| {
            let escape = before.get(before.len().wrapping_sub(length)..);
            let whole = escape.and_then(escaped).filter(|(_, whole)| *whole == length);
            whole.is_some_and(|(byte, _)| !(is_address && byte == b'+'))
        })
    };
    before.last().is_none_or(|byte| !is_of_name(*byte)) || behind_escape()
}

/// Whether a name may end before this text.
fn ends_name(rest: &[u8], is_address: bool) -> bool {
    if !is_address {
        return rest.first().is_none_or(|byte| !is_of_word(*byte));
    }
    let next = rest.iter().find(|byte| !is_filler(**byte));
    next.is_none_or(|byte| !byte.is_ascii_alphanumeric())
}

/// The length of a word at the beginning of a text, however it is spelled.
fn length_of(text: &[u8], word: &[u8], any_case: bool) -> Option<usize> {
    let mut at = 0;
    for wanted in word {
        let rest = text.get(at..)?;
        let first = rest.first()?;
        let is_it = if any_case { first.eq_ignore_ascii_case(wanted) } else { first == wanted };
        at += match escaped(rest) {
            _ if is_it => 1,
            Some((byte, length)) if byte == *wanted && matches!(byte, b'@' | b'+') => length,
            _ => return None,
        };
    }
    Some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn erased(names: &[&str]) -> ErasedNames {
        let mut all = ErasedNames::salted(b"salt");
        for name in names {
            let hash = all.hash(name);
            all.add(&hash);
        }
        all
    }

    fn has(text: &str, name: &str) -> bool {
        names_in(text.as_bytes()).contains(name)
    }

    #[test]
    fn an_address_is_found_in_json_in_forms_and_between_words() {
        for text in [
            r#"{"email":"Anna@Example.com"}"#,
            r#"{"email":"anna\u0040example.com"}"#,
            r#"{"text":"write to\nanna@example.com."}"#,
            r#"{"text":"\u003canna@example.com\u003e"}"#,
            "name=A&email=anna%40example.com&x=1",
            "q=%22anna@example.com%22",
            "mailto:anna@example.com",
            "email=anna@example.com",
        ] {
            assert!(has(text, "email:anna@example.com"), "{text}");
        }
        assert!(has("a+b%2Bc@x.de", "email:a+b+c@x.de"));
    }

    #[test]
    fn an_address_within_another_is_another_persons() {
        for text in [
            "joanna@example.com",
            "jo.anna@example.com",
            "jo+anna@example.com",
            "anna@example.community",
        ] {
            assert!(!has(text, "email:anna@example.com"), "{text}");
            assert_eq!(erased(&["email:anna@example.com"]).masked(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn an_id_is_a_word_that_is_long_and_mixed() {
        assert!(has(r#"{"customer":"cus_12345abc"}"#, "id:cus_12345abc"));
        assert!(!has(r#"{"amount":1234567890,"description":"subscription"}"#, "id:subscription"));
        assert!(!has("id=u-17", "id:u-17"));
        assert!(!has("cus_12345abcd", "id:cus_12345abc"));
    }

    #[test]
    fn a_text_is_masked_in_all_spellings_and_keeps_all_else() {
        let names = erased(&["email:anna@example.com", "id:user-12345"]);
        for (text, masked) in [
            (
                r#"{"to":"ANNA@example.com","cc":"bob@example.com"}"#,
                r#"{"to":"***","cc":"bob@example.com"}"#,
            ),
            (r#"{"t":"x\nanna\u0040example.com"}"#, r#"{"t":"x\n***"}"#),
            ("e=anna%40example.com&u=user-12345", "e=***&u=***"),
            ("joanna@example.com anna@example.com", "joanna@example.com ***"),
            (
                "jo.anna@example.com jo%2Banna@example.com -anna@example.com-",
                "jo.anna@example.com jo%2Banna@example.com -***-",
            ),
            ("anna@example.com.au, anna@example.com.", "anna@example.com.au, ***."),
        ] {
            let kept = names.masked(text.as_bytes()).unwrap();
            assert_eq!(String::from_utf8(kept.clone()).unwrap(), masked);
            assert_eq!(names.masked(&kept), None, "nothing is left: {masked}");
        }
        assert_eq!(names.masked(b"\0 anna@example.com"), Some(Vec::new()));
        assert_eq!(names.kept("no map knows \"anna@example.com\""), "no map knows \"***\"");
    }

    #[test]
    fn nobody_is_found_where_nobody_was_erased() {
        assert_eq!(ErasedNames::salted(b"salt").masked(b"anna@example.com"), None);
        assert!(!ErasedNames::default().has("email:anna@example.com"));
    }
}
