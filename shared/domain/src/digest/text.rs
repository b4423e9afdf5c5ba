//! The plain text of a message, in columns.

use super::clean::clean;
use super::document::{Bar, Content, Document};

/// A bar of a line, from the shortest to the longest.
const LEVELS: [char; 5] = ['▁', '▂', '▃', '▅', '▇'];

/// Renders the text.
pub(super) fn render(document: &Document) -> String {
    let mut lines = vec![clean(&document.title), String::new(), clean(&document.verdict)];
    for section in &document.sections {
        let heading = clean(&section.heading).to_uppercase();
        lines.extend([String::new(), heading]);
        for content in &section.content {
            lines.extend(content_lines(content));
        }
    }
    lines.extend([String::new(), clean(&document.note), String::new()]);
    lines.join("\n")
}

/// Returns a part of a section as lines.
pub(super) fn content_lines(content: &Content) -> Vec<String> {
    match content {
        Content::Line(line) => vec![clean(line)],
        Content::Table { head, rows } => table(head, rows),
        Content::Bars { label, bars } => vec![bar_line(label, bars)],
    }
}

/// Returns a table in columns. The last column is not filled up.
fn table(head: &[&'static str], rows: &[Vec<String>]) -> Vec<String> {
    let head: Vec<String> = head.iter().map(|name| (*name).to_owned()).collect();
    let rows: Vec<Vec<String>> = std::iter::once(head)
        .chain(rows.iter().map(|row| row.iter().map(|cell| clean(cell)).collect()))
        .collect();
    let columns = rows.iter().map(Vec::len).max().unwrap_or_default();
    let width = |column: usize| {
        let cells = rows.iter().filter_map(|row| row.get(column));
        cells.map(|cell| cell.chars().count()).max().unwrap_or_default()
    };
    let widths: Vec<usize> = (0..columns).map(width).collect();
    let line = |row: &Vec<String>| {
        let cells = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:<width$}"));
        cells.collect::<Vec<_>>().join("  ").trim_end().to_owned()
    };
    rows.iter().map(line).collect()
}

/// Returns a chart as one line: a character a bar, and the newest value.
fn bar_line(label: &str, bars: &[Bar]) -> String {
    let level = |bar: &Bar| LEVELS[usize::from(bar.percent.min(99)) * LEVELS.len() / 100];
    let line: String = bars.iter().map(level).collect();
    let newest = bars.last().map(|bar| format!(" {} {}", bar.name, bar.value)).unwrap_or_default();
    format!("{} {line}{}", clean(label), clean(&newest))
}
