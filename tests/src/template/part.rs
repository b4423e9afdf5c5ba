//! The files that make up the template, and the patterns that some of their sections follow.

use std::collections::BTreeMap;
use std::path::Path;

use super::TemplateError;
use super::text::{Entry, entries, lines};
use crate::repository::root;

/// A file: its path and its sections.
#[derive(Debug)]
pub struct Part {
    /// The path below the repository's root.
    pub origin: String,
    /// The sections, in the file's order.
    pub sections: Vec<Entry>,
}

impl Part {
    /// Reads a file below the repository's root.
    ///
    /// # Errors
    ///
    /// The file cannot be read, or is not a mapping.
    pub fn read(origin: &str) -> Result<Self, TemplateError> {
        let text = std::fs::read_to_string(root().join(origin))
            .map_err(|source| TemplateError::Read { origin: origin.to_owned(), source })?;
        let sections = entries(&body(&lines(&text))).map_err(|what| in_part(origin, what))?;
        Ok(Self { origin: origin.to_owned(), sections })
    }

    /// Takes a section out; `None` if the file does not have it.
    pub fn take(&mut self, key: &str) -> Option<Entry> {
        let at = self.sections.iter().position(|section| section.key == key)?;
        Some(self.sections.remove(at))
    }
}

/// Returns the error that names a file.
pub fn in_part(origin: &str, what: String) -> TemplateError {
    TemplateError::Part { origin: origin.to_owned(), what }
}

/// Returns a file without the comment at its head, which is for the file's own readers.
fn body(lines: &[String]) -> Vec<String> {
    let head = lines.iter().take_while(|line| line.starts_with('#')).count();
    let is_head = lines.get(head).is_some_and(String::is_empty);
    lines.iter().skip(if is_head { head } else { 0 }).cloned().collect()
}

/// Returns the stems of a folder's `.yaml` files, in alphabetical order. The path starts at the
/// root.
///
/// # Errors
///
/// The folder cannot be read.
pub fn files(folder: &str) -> Result<Vec<String>, TemplateError> {
    let unread = |source| TemplateError::Read { origin: folder.to_owned(), source };
    let mut stems = Vec::new();
    for entry in std::fs::read_dir(root().join(folder)).map_err(unread)? {
        let path = entry.map_err(unread)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            stems.extend(path.file_stem().map(|stem| stem.to_string_lossy().into_owned()));
        }
    }
    stems.sort();
    Ok(stems)
}

/// Reads the patterns, by the sections that follow them: `queue-event.yaml` is that of
/// `QueueEvents`.
///
/// # Errors
///
/// A pattern cannot be read.
pub fn patterns(folder: &str) -> Result<BTreeMap<String, Vec<String>>, TemplateError> {
    let read = |stem: String| {
        let origin = format!("{folder}/{stem}.yaml");
        let text = std::fs::read_to_string(root().join(Path::new(&origin)))
            .map_err(|source| TemplateError::Read { origin, source })?;
        Ok((format!("{}s", pascal(&stem)), body(&lines(&text))))
    };
    files(folder)?.into_iter().map(read).collect()
}

/// Returns `QueueEvent` for `queue-event` and `RunsRunId` for `/runs/{runId}`.
pub fn pascal(name: &str) -> String {
    let words = name.split(|c: char| !c.is_ascii_alphanumeric());
    words
        .flat_map(|word| {
            let mut letters = word.chars();
            letters.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(letters)
        })
        .collect()
}

/// Returns `fetch-requests` for `FetchRequests`.
pub fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for letter in name.chars() {
        if letter.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(letter.to_ascii_lowercase());
    }
    kebab
}

#[cfg(test)]
mod tests {
    use super::{kebab, pascal};

    #[test]
    fn names_change_their_case() {
        assert_eq!(pascal("queue-event"), "QueueEvent");
        assert_eq!(pascal("/runs/{runId}"), "RunsRunId");
        assert_eq!(pascal("/api-docs.json"), "ApiDocsJson");
        assert_eq!(kebab("FetchRequests"), "fetch-requests");
        assert_eq!(kebab("fetch"), "fetch");
    }
}
