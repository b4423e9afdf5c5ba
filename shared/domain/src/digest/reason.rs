//! The reason of a dead letter without what differs from letter to letter.

/// The longest reason, in characters.
const LONGEST: usize = 160;

/// Returns the reason with a place holder for each text in quotes, and for each word that has a
/// digit or an `@`. So failures with one cause have one reason, and it names no person.
#[must_use]
pub fn normalized(reason: &str) -> String {
    let line = reason.lines().next().unwrap_or_default();
    let mut words: Vec<String> = Vec::new();
    for word in unquoted(line).split_whitespace() {
        let varies = word.chars().any(|c| c.is_numeric() || c == '@') && word != "…";
        // Punctuation at the end of a word is part of the sentence.
        let end = word.trim_end_matches([',', '.', ':', ';', ')', ']']);
        let tail = word.get(end.len()..).unwrap_or_default();
        words.push(if varies { format!("…{tail}") } else { word.to_owned() });
    }
    words.dedup_by(|next, kept| next == kept && next == "…");
    let whole = words.join(" ");
    match whole.char_indices().nth(LONGEST) {
        Some((at, _)) => format!("{}…", whole.get(..at).unwrap_or_default()),
        None => whole,
    }
}

/// Replaces each text in quotes. A quote that does not end hides the rest.
fn unquoted(line: &str) -> String {
    let (mut kept, mut quote) = (String::new(), None);
    let mut before = ' ';
    for character in line.chars() {
        match quote {
            Some(end) if character == end && before != '\\' => quote = None,
            Some(_) => {}
            // An apostrophe within a word is no quote.
            None if character == '\'' && before.is_alphanumeric() => kept.push(character),
            None => match closing(character) {
                Some(end) => {
                    quote = Some(end);
                    kept.push('…');
                }
                None => kept.push(character),
            },
        }
        before = character;
    }
    kept
}

/// Returns the end of a quotation that begins with this character.
const fn closing(character: char) -> Option<char> {
    match character {
        '"' | '\'' | '`' => Some(character),
        '“' | '„' => Some('”'),
        '‘' => Some('’'),
        '{' => Some('}'),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reasons_with_one_cause_are_one_reason_that_names_nobody() {
        for (reason, wanted) in [
            (
                "amount: invalid type: string \"12.5\", expected i64",
                "amount: invalid type: string …, expected …",
            ),
            (
                "id: missing field `id` at line 1 column 77",
                "id: missing field … at line … column …",
            ),
            ("jane.doe@example.com is no address", "… is no address"),
            ("ch_3Px1 of 2026-05-01T10:00:00Z", "… of …"),
            ("the vendor's word: 'o''brien'", "the vendor's word: ……"),
            ("it's {\"email\":\"a@b.c\"} that", "it's … that"),
            ("an \"open quote of jane", "an …"),
            ("first\nsecond", "first"),
        ] {
            assert_eq!(normalized(reason), wanted, "{reason}");
        }
        assert_eq!(normalized(&"ä".repeat(900)).chars().count(), LONGEST + 1);
    }
}
