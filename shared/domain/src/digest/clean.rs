//! Text from outside as one line that a reader sees as it is.

/// The longest text of a cell, in characters.
const LONGEST: usize = 200;

/// Returns the text as one line of at most 200 characters. Control characters become spaces.
/// Characters that turn the direction of writing or have no width are left out: they make a text
/// look like another.
pub(super) fn clean(text: &str) -> String {
    let mut line = String::new();
    for (count, character) in text.chars().filter(|c| !is_deceptive(*c)).enumerate() {
        if count == LONGEST {
            line.push('…');
            break;
        }
        line.push(if character.is_control() { ' ' } else { character });
    }
    line
}

/// Whether a character changes how others are shown, and is not seen itself.
const fn is_deceptive(character: char) -> bool {
    matches!(
        character,
        '\u{ad}' | '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{feff}' | '\u{fff9}'..='\u{fffb}'
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_becomes_one_line_that_reads_as_it_is() {
        assert_eq!(clean("a\r\nBcc: b@example.com\tc"), "a  Bcc: b@example.com c");
        assert_eq!(clean("paid\u{202e}dnufer\u{2066}\u{200b}"), "paiddnufer");
        assert_eq!(clean(&"é".repeat(500)).chars().count(), LONGEST + 1);
    }
}
