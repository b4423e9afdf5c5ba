//! The sections of the assembled template, in chapters. A chapter is what one file adds to a
//! section.

use std::collections::BTreeMap;

use super::text::{Entry, entries, indented};

/// The lines at the head of the template.
pub const HEADS: [&str; 3] = ["AWSTemplateFormatVersion", "Transform", "Description"];

/// The sections of CloudFormation that parts add to, in the order in which they are written.
pub const SECTIONS: [&str; 5] = ["Parameters", "Conditions", "Globals", "Resources", "Outputs"];

const GENERATED: [&str; 3] = [
    "# Assembled from infra/template/ and functions/*/stack.yaml by `make generate`: change those, not",
    "# this file (docs/adr/0028-the-template-is-assembled.md). Names derive from the stack's name, so",
    "# that several stacks live side by side in one account.",
];

#[derive(Debug, Default)]
struct Chapter {
    origin: String,
    /// The entries of a function's pattern, which come before those of its file.
    first: Vec<Entry>,
    then: Vec<Entry>,
}

impl Chapter {
    fn entries(&self) -> impl Iterator<Item = &Entry> {
        self.first.iter().chain(&self.then)
    }
}

/// The template so far.
#[derive(Debug, Default)]
pub struct Chapters {
    heads: Vec<Entry>,
    labels: BTreeMap<String, String>,
    sections: BTreeMap<String, Vec<Chapter>>,
}

impl Chapters {
    /// Adds a line at the head of the template, such as its version.
    pub fn head(&mut self, entry: Entry) {
        self.heads.push(entry);
    }

    /// Names the parameters of a file, as CloudFormation's console shows them.
    pub fn label(&mut self, origin: &str, label: &str) {
        self.labels.insert(origin.to_owned(), label.to_owned());
    }

    /// Adds entries of a file to a section.
    pub fn add(&mut self, section: &str, origin: &str, entries: Vec<Entry>, first: bool) {
        let chapters = self.sections.entry(section.to_owned()).or_default();
        let known = chapters.iter().position(|chapter| chapter.origin == origin);
        let at = known.unwrap_or_else(|| {
            chapters.push(Chapter { origin: origin.to_owned(), ..Chapter::default() });
            chapters.len() - 1
        });
        if let Some(chapter) = chapters.get_mut(at) {
            if first { &mut chapter.first } else { &mut chapter.then }.extend(entries);
        }
    }

    fn all(&self, section: &str) -> impl Iterator<Item = &Entry> {
        self.sections.get(section).into_iter().flatten().flat_map(Chapter::entries)
    }

    /// Returns the condition under which a parameter is not empty; `None` if it must be given, or
    /// is a resource of the template's own.
    ///
    /// # Errors
    ///
    /// There is no such parameter, or it is optional and no condition asks for it.
    pub fn guard(&self, parameter: &str) -> Result<Option<String>, String> {
        if self.all("Resources").any(|entry| entry.key == parameter) {
            return Ok(None);
        }
        let found = self.all("Parameters").find(|entry| entry.key == parameter);
        let found = found.ok_or_else(|| format!("there is no parameter {parameter}"))?;
        if !is_optional(found) {
            return Ok(None);
        }
        let reference = format!("!Ref {parameter}");
        let asks = |entry: &&Entry| {
            let text = entry.lines().join("\n");
            let mut rest = text.split(&reference).skip(1);
            rest.any(|behind| !behind.starts_with(|c: char| c.is_ascii_alphanumeric()))
        };
        match self.all("Conditions").find(asks) {
            Some(condition) => Ok(Some(condition.key.clone())),
            None => Err(format!("no condition asks whether {parameter} is empty")),
        }
    }

    /// Returns the chapters of the parameters. Chapters with a parameter that has no default come
    /// first.
    fn parameters(&self) -> Vec<&Chapter> {
        let mut chapters: Vec<&Chapter> =
            self.sections.get("Parameters").into_iter().flatten().collect();
        chapters.sort_by_key(|chapter| chapter.entries().all(is_optional));
        chapters
    }

    /// Returns the whole template as lines.
    pub fn lines(&self) -> Vec<String> {
        let mut lines: Vec<String> = self.heads.iter().flat_map(Entry::lines).collect();
        lines.push(String::new());
        lines.extend(GENERATED.map(str::to_owned));
        lines.push(String::new());
        lines.extend(self.groups());
        for section in SECTIONS {
            let chapters = match section {
                "Parameters" => self.parameters(),
                _ => self.sections.get(section).into_iter().flatten().collect(),
            };
            lines.extend([String::new(), format!("{section}:")]);
            for (number, chapter) in chapters.into_iter().enumerate() {
                if number > 0 {
                    lines.push(String::new());
                }
                lines.push(format!("  # ---- {}", chapter.origin));
                for entry in chapter.entries() {
                    if section == "Resources" {
                        lines.push(String::new());
                    }
                    lines.extend(indented(&entry.lines(), 2));
                }
            }
        }
        lines
    }

    /// Returns the groups in which CloudFormation's console shows the parameters.
    fn groups(&self) -> Vec<String> {
        let head = ["Metadata:", "  AWS::CloudFormation::Interface:", "    ParameterGroups:"];
        let mut lines: Vec<String> = head.map(str::to_owned).to_vec();
        for chapter in self.parameters() {
            let label = self.labels.get(&chapter.origin).unwrap_or(&chapter.origin);
            lines.push(format!("      - Label: {{default: {label}}}"));
            lines.push("        Parameters:".to_owned());
            lines.extend(chapter.entries().map(|entry| format!("          - {}", entry.key)));
        }
        lines
    }
}

/// Returns whether a parameter has a default.
fn is_optional(parameter: &Entry) -> bool {
    let said = entries(&parameter.value.below).unwrap_or_default();
    said.iter().any(|entry| entry.key == "Default")
}
