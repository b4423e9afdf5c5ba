//! YAML as text. The parts of the template are cut and joined line by line, so that comments and
//! the author's own spelling reach the assembled file.

/// The value of an entry, with the comments on it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Text {
    /// The comment lines above the key.
    pub comments: Vec<String>,
    /// The rest of the key's own line.
    pub inline: String,
    /// The lines below it, indented from 0.
    pub below: Vec<String>,
}

impl Text {
    /// Returns a value of one line.
    pub fn inline(text: impl Into<String>) -> Self {
        Self { inline: text.into(), ..Self::default() }
    }

    /// Returns a value that has only lines.
    pub fn below(lines: Vec<String>) -> Self {
        Self { below: lines, ..Self::default() }
    }

    /// Returns whether the value has neither text nor lines.
    pub fn is_empty(&self) -> bool {
        self.inline.is_empty() && self.below.is_empty()
    }

    /// Returns the inline value without a trailing comment.
    pub fn word(&self) -> &str {
        self.inline.split_once(" #").map_or(self.inline.as_str(), |(word, _)| word.trim_end())
    }
}

/// An entry of a mapping.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub key: String,
    pub value: Text,
}

impl Entry {
    /// Returns the entry as lines, indented from 0.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = self.value.comments.clone();
        lines.push(format!("{}: {}", self.key, self.value.inline).trim_end().to_owned());
        lines.extend(indented(&self.value.below, 2));
        lines
    }
}

/// Splits a mapping, indented from 0, into its entries. Blank lines between them are left out.
///
/// # Errors
/// A line that neither begins an entry nor belongs to one.
pub fn entries(lines: &[String]) -> Result<Vec<Entry>, String> {
    let mut found: Vec<Entry> = Vec::new();
    let mut comments = Vec::new();
    for line in lines {
        if line.starts_with('#') {
            comments.push(line.clone());
        } else if line.is_empty() || line.starts_with(' ') {
            let Some(entry) = found.last_mut().filter(|_| comments.is_empty()) else {
                if line.is_empty() {
                    continue;
                }
                return Err(format!("`{line}` belongs to no entry"));
            };
            let dedented = line.strip_prefix("  ").unwrap_or_default();
            if dedented.is_empty() && !line.trim().is_empty() {
                return Err(format!("`{line}` is not indented by two spaces"));
            }
            entry.value.below.push(dedented.to_owned());
        } else {
            let (key, inline) = line
                .split_once(": ")
                .or_else(|| line.strip_suffix(':').map(|key| (key, "")))
                .ok_or_else(|| format!("`{line}` is no entry of a mapping"))?;
            let comments = std::mem::take(&mut comments);
            let value = Text { comments, ..Text::inline(inline.trim_start()) };
            found.push(Entry { key: key.to_owned(), value });
        }
    }
    for entry in &mut found {
        while entry.value.below.last().is_some_and(String::is_empty) {
            entry.value.below.pop();
        }
    }
    match comments.first() {
        Some(comment) => Err(format!("`{comment}` comments on no entry")),
        None => Ok(found),
    }
}

/// Indents lines by `by` spaces. Blank lines stay blank.
pub fn indented(lines: &[String], by: usize) -> impl Iterator<Item = String> + '_ {
    lines.iter().map(
        move |line| {
            if line.is_empty() { String::new() } else { format!("{:by$}{line}", "") }
        },
    )
}

/// Returns the indent of a line in bytes.
pub fn indent(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Returns the lines of a text without trailing white space.
pub fn lines(text: &str) -> Vec<String> {
    text.lines().map(|line| line.trim_end().to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::{entries, lines};

    #[test]
    fn a_mapping_is_split_and_joined_without_loss() {
        let text = "\
# Why.
Queue: !Ref A # which
AWS::X:
  a: 1

  # of b
  b: >-
    long
C: d: e";
        let found = entries(&lines(text)).unwrap();
        let keys: Vec<&str> = found.iter().map(|entry| entry.key.as_str()).collect();
        assert_eq!(keys, ["Queue", "AWS::X", "C"]);
        assert_eq!(found[0].value.word(), "!Ref A");
        let joined: Vec<String> = found.iter().flat_map(super::Entry::lines).collect();
        assert_eq!(joined, lines(text));
    }

    #[test]
    fn what_is_not_a_mapping_is_refused() {
        for text in ["- a", "  a: 1", "a:\n b: 1", "a: 1\n# of nothing"] {
            assert!(entries(&lines(text)).is_err(), "{text}");
        }
    }
}
