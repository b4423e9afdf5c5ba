//! The tables of Glue, which follow from the description of the analytics copy.

use std::fmt::Write as _;

use penstock_domain::analytics::TABLES;

use super::TemplateError;
use super::part::{Part, in_part, pascal};
use super::text::{entries, lines};

/// The path that a mistake in the part is told by.
const ORIGIN: &str = "shared/domain/src/analytics";

/// Returns a part with the entries that the pattern of a table follows.
///
/// # Errors
/// The text of an entry is not as the pattern needs it.
pub fn part() -> Result<Part, TemplateError> {
    let mut text = "GlueTables:\n".to_owned();
    for table in TABLES {
        let columns = table.columns.iter().map(|it| {
            let (name, kind, meaning) = (it.name, it.kind.in_athena(), quoted(it.meaning));
            format!("      - {{Name: {name}, Type: \"{kind}\", Comment: {meaning}}}\n")
        });
        let (id, name, meaning) = (pascal(table.name), table.name, quoted(table.meaning));
        let columns = columns.collect::<String>();
        // Writing to a String does not fail.
        write!(text, "  {id}:\n    Table: {name}\n    Meaning: {meaning}\n    Columns:\n{columns}")
            .unwrap_or_default();
    }
    let sections = entries(&lines(&text)).map_err(|what| in_part(ORIGIN, what))?;
    Ok(Part { origin: ORIGIN.to_owned(), sections })
}

fn quoted(text: &str) -> String {
    format!("\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
