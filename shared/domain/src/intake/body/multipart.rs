//! `multipart/form-data`: the fields of a form, without its files.

use super::{MOST_FIELDS, essence, parameter, text};

/// Bytes of a part's headers that are read.
const LONGEST_HEADERS: usize = 4_096;

/// Reads the fields of a form. `None` if the body has no part of a form that is closed: it is
/// another thing, or was cut short. Builders forget the header, so the first line may name the
/// boundary too.
pub(super) fn pairs(bytes: &[u8], content_type: &str) -> Option<Vec<(String, String)>> {
    let declared = parameter(content_type, "boundary");
    let declared = declared.filter(|_| essence(content_type).starts_with("multipart/"));
    let delimiters =
        [declared.map(|boundary| format!("--{boundary}").into_bytes()), sniffed(bytes)];
    delimiters.into_iter().flatten().find_map(|delimiter| parts(bytes, &delimiter))
}

/// Returns the first line, if it can be a delimiter.
fn sniffed(bytes: &[u8]) -> Option<Vec<u8>> {
    let line = bytes.split(|byte| *byte == b'\n').next()?.trim_ascii_end();
    let is_delimiter = line.len() > 2 && line.len() <= 74 && line.starts_with(b"--");
    is_delimiter.then(|| line.to_vec())
}

fn parts(bytes: &[u8], delimiter: &[u8]) -> Option<Vec<(String, String)>> {
    let (mut pairs, mut begun, mut at, mut is_form) = (Vec::new(), None, 0, false);
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let rest = line.trim_ascii_end().strip_prefix(delimiter);
        if rest.is_some_and(|rest| rest.is_empty() || rest == b"--") {
            if let Some(start) = begun {
                let part = part(without_line_end(&bytes[start..at]));
                is_form |= part.is_some();
                pairs.extend(part.flatten());
            }
            begun = (rest == Some(b"") && pairs.len() < MOST_FIELDS).then_some(at + line.len());
        }
        at += line.len();
    }
    is_form.then_some(pairs)
}

/// Reads a part: name and value of a field, or nothing of a file. `None` if it is no part of a
/// form.
fn part(part: &[u8]) -> Option<Option<(String, String)>> {
    let (mut name, mut at) = (None, 0);
    for line in part.split_inclusive(|byte| *byte == b'\n') {
        at += line.len();
        let header = text::guessed(line.trim_ascii());
        if header.is_empty() {
            let value = || text::guessed(&part[at..]);
            return name.map(|name: Option<String>| name.map(|name| (name, value())));
        }
        if at > LONGEST_HEADERS {
            return None;
        }
        let Some((key, value)) = header.split_once(':') else { continue };
        if key.trim().eq_ignore_ascii_case("content-disposition") {
            let is_file =
                ["filename", "filename*"].map(|key| parameter(value, key)) != [None, None];
            let field = parameter(value, "name").filter(|_| !is_file);
            name = Some(field.map(|name| name.replace("%22", "\"")));
        }
    }
    None
}

fn without_line_end(bytes: &[u8]) -> &[u8] {
    let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
    bytes.strip_suffix(b"\r").unwrap_or(bytes)
}
