//! The generated parts of docs/ANALYTICS.md: the columns of each table, and the questions.

use std::error::Error;

use penstock_domain::analytics::{Changes, Column, TABLES, Table};

use super::{QUESTIONS, Question};
use crate::repository::root;

/// Returns the page with the tables and questions of today.
///
/// # Errors
/// A file cannot be read, or the page has no place for a part.
pub fn analytics() -> Result<String, Box<dyn Error>> {
    let text = std::fs::read_to_string(root().join("docs/ANALYTICS.md"))?;
    let tables: Vec<String> = TABLES.iter().map(table).collect();
    let questions = QUESTIONS.into_iter().map(question).collect::<Result<Vec<_>, _>>()?;
    let text = with_part(&text, "questions", &questions.join("\n"))?;
    with_part(&text, "tables", &tables.join("\n"))
}

fn with_part(text: &str, name: &str, part: &str) -> Result<String, Box<dyn Error>> {
    let begin = format!("<!-- {name}: written by `make generate` -->\n");
    let end = format!("<!-- end of {name} -->\n");
    let missing = || format!("docs/ANALYTICS.md has no `{}`", begin.trim_end());
    let (before, rest) = text.split_once(&begin).ok_or_else(missing)?;
    let (_, after) = rest.split_once(&end).ok_or_else(missing)?;
    Ok(format!("{before}{begin}\n{part}\n{end}{after}"))
}

fn table(table: &Table) -> String {
    let changes = match table.changes {
        Changes::Never => "Each row is copied once.",
        Changes::Versions => "A row that has changed is copied again.",
    };
    let Table { name, meaning, .. } = table;
    let columns = table.columns.iter().map(column).collect::<String>();
    format!(
        "### {name}\n\n{meaning}\n{changes}\n\n| column | type | null | personal | meaning |\n| --- | --- | --- | --- | --- |\n{columns}"
    )
}

fn column(column: &Column) -> String {
    let yes = |is: bool| if is { "yes" } else { "" };
    let kind = column.kind.in_athena();
    let Column { name, meaning, .. } = column;
    let (null, personal) = (yes(column.is_nullable), yes(column.is_personal));
    format!("| `{name}` | {kind} | {null} | {personal} | {meaning} |\n")
}

fn question(question: Question) -> Result<String, std::io::Error> {
    let Question { name, title } = question;
    let sql = question.sql()?;
    Ok(format!("### {title}\n\n`infra/analytics/questions/{name}.sql`\n\n```sql\n{sql}```\n"))
}
