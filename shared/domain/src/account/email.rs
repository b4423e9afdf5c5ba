//! The address of an account, in the one form in which it is stored, compared and counted.

use std::fmt;

/// The longest address, in characters (RFC 5321).
const LONGEST: usize = 254;

/// A normalized e-mail address: ASCII, lower case, without space around it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Email(String);

impl Email {
    /// Normalizes an address; `None` if it is none. The rule is that of Better Auth's checks: dots
    /// only between other characters, and a domain with a top level of letters.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim_matches(|c: char| c.is_ascii_whitespace());
        let (local, domain) = text.rsplit_once('@')?;
        let is_sane = text.len() <= LONGEST && is_local(local) && is_domain(domain);
        is_sane.then(|| Self(text.to_ascii_lowercase()))
    }

    /// The address as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The part before the `@`, which is the name of those who give none.
    #[must_use]
    pub fn local(&self) -> &str {
        self.0.split('@').next().unwrap_or_default()
    }
}

impl fmt::Display for Email {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn is_local(text: &str) -> bool {
    let is_character = |byte: u8| byte.is_ascii_alphanumeric() || b"_'+-.".contains(&byte);
    text.bytes().all(is_character)
        && !text.starts_with('.')
        && !text.contains("..")
        && text.bytes().last().is_some_and(|last| !b".'".contains(&last))
}

fn is_domain(text: &str) -> bool {
    let is_label = |label: &str| {
        label.starts_with(|c: char| c.is_ascii_alphanumeric())
            && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    let Some((labels, top)) = text.rsplit_once('.') else { return false };
    labels.split('.').all(is_label)
        && top.len() >= 2
        && top.bytes().all(|byte| byte.is_ascii_alphabetic())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_address_is_one_by_the_rule_of_better_auth() {
        for (text, normalized) in [
            ("Ada@Example.COM", "ada@example.com"),
            (" ada@example.com\n", "ada@example.com"),
            ("o'brien+x_y-z.w@sub.example.museum", "o'brien+x_y-z.w@sub.example.museum"),
            ("a@1-2.example.io", "a@1-2.example.io"),
        ] {
            assert_eq!(Email::parse(text).unwrap().as_str(), normalized);
        }
        let endless = format!("{}@example.com", "a".repeat(250));
        for text in [
            "",
            "@",
            "ada",
            "ada@",
            "@example.com",
            "ada@example",
            "ada@example.c",
            "ada@example.c0m",
            "ada@.com",
            "ada@-a.com",
            "ada@a..com",
            ".ada@example.com",
            "ada.@example.com",
            "a..da@example.com",
            "a da@example.com",
            "a@b@example.com",
            "ada@exa mple.com",
            "ada\0@example.com",
            "ädä@example.com",
            "ada@exämple.com",
            "ada@example.com,eve@example.com",
            "ada@example.com\r\nbcc: eve@example.com",
            &endless,
        ] {
            assert_eq!(Email::parse(text), None, "{text:?}");
        }
    }

    proptest! {
        #[test]
        fn normalizing_twice_is_normalizing_once(text in "\\PC{0,12}@?\\PC{0,12}\\.?[a-zA-Z]{0,3}") {
            if let Some(email) = Email::parse(&text) {
                prop_assert_eq!(Email::parse(email.as_str()), Some(email.clone()));
                prop_assert!(!email.as_str().contains(|c: char| c.is_ascii_uppercase() || c.is_whitespace()));
                prop_assert!(email.as_str().is_ascii());
            }
        }

        #[test]
        fn the_case_of_an_address_and_the_space_around_it_make_no_other_account(
            local in "[a-z0-9_+-]{1,20}",
            domain in "[a-z0-9]{1,20}",
            top in "[a-z]{2,6}",
            upper in any::<u64>(),
            around in "[ \t\r\n]{0,3}",
        ) {
            let plain = format!("{local}@{domain}.{top}");
            let shouted: String = plain
                .chars()
                .enumerate()
                .map(|(at, c)| if upper >> (at % 64) & 1 == 1 { c.to_ascii_uppercase() } else { c })
                .collect();
            let email = Email::parse(&format!("{around}{shouted}{around}"));
            prop_assert_eq!(email.as_ref().map(Email::as_str), Some(plain.as_str()));
        }
    }
}
