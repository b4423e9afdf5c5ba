//! Charsets: UTF-8, UTF-16 and the one-byte charsets of older form builders.

use std::borrow::Cow;

/// The characters of windows-1252 from 0x80 to 0x9f. The rest is Latin-1. Its five holes are the
/// control characters that they are in Latin-1, as browsers read them.
const WINDOWS_1252: [char; 32] = [
    '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}',
    '\u{90}', '‘', '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
];

/// Decodes a body. A byte order mark names its charset, and bytes that are UTF-8 are UTF-8: some
/// servers add `charset=iso-8859-1` to everything. Only then the header's charset counts.
///
/// # Errors
/// The offset up to which the bytes are UTF-8, if they are in no known charset.
pub(super) fn decoded<'a>(
    bytes: Cow<'a, [u8]>,
    charset: Option<&str>,
) -> Result<Cow<'a, str>, usize> {
    let charset = charset.unwrap_or_default().to_ascii_lowercase();
    match &*bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes).ok_or(0),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes).ok_or(0),
        all if charset == "utf-16le" => utf16(all, u16::from_le_bytes).ok_or(0),
        all if charset == "utf-16be" || charset == "utf-16" => {
            utf16(all, u16::from_be_bytes).ok_or(0)
        }
        _ => match utf8(bytes) {
            Err((bytes, _)) if is_single_byte(&charset) => Ok(Cow::Owned(single_bytes(&bytes))),
            Err((_, offset)) => Err(offset),
            Ok(text) => Ok(text),
        },
    }
}

/// Decodes the bytes of a form's name or value, whose charset nobody names: UTF-8, or else
/// windows-1252, which takes any bytes.
pub(super) fn guessed(bytes: &[u8]) -> String {
    std::str::from_utf8(bytes).map_or_else(|_| single_bytes(bytes), str::to_owned)
}

fn is_single_byte(charset: &str) -> bool {
    const NAMES: [&str; 7] =
        ["iso-8859-1", "iso8859-1", "latin1", "latin-1", "windows-1252", "cp1252", "us-ascii"];
    NAMES.contains(&charset)
}

/// Decodes UTF-8 without its byte order mark; otherwise the bytes, and where they are wrong.
fn utf8(bytes: Cow<'_, [u8]>) -> Result<Cow<'_, str>, (Cow<'_, [u8]>, usize)> {
    const MARK: char = '\u{feff}';
    match bytes {
        Cow::Borrowed(bytes) => match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Cow::Borrowed(text.strip_prefix(MARK).unwrap_or(text))),
            Err(error) => Err((Cow::Borrowed(bytes), error.valid_up_to())),
        },
        Cow::Owned(bytes) => match String::from_utf8(bytes) {
            Ok(text) => Ok(Cow::Owned(text.strip_prefix(MARK).map(str::to_owned).unwrap_or(text))),
            Err(error) => {
                let offset = error.utf8_error().valid_up_to();
                Err((Cow::Owned(error.into_bytes()), offset))
            }
        },
    }
}

fn utf16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> Option<Cow<'static, str>> {
    let (pairs, rest) = bytes.as_chunks::<2>();
    let units = pairs.iter().map(|pair| unit(*pair));
    let text = char::decode_utf16(units).collect::<Result<String, _>>().ok()?;
    rest.is_empty().then_some(Cow::Owned(text))
}

fn single_bytes(bytes: &[u8]) -> String {
    let char = |byte: &u8| match byte {
        0x80..=0x9f => WINDOWS_1252[usize::from(byte - 0x80)],
        byte => char::from(*byte),
    };
    bytes.iter().map(char).collect()
}
