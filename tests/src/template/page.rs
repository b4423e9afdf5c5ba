//! Writes the table of functions in docs/OPERATIONS.md.

use super::assembly::Assembly;
use super::function::Function;
use super::part::{in_part, pascal};
use super::{Template, TemplateError, short_name, target};
use crate::repository::root;

const BEGIN: &str = "<!-- functions: written by `make generate` -->\n";
const END: &str = "<!-- end of functions -->\n";

/// Returns docs/OPERATIONS.md with the present table of functions.
///
/// # Errors
///
/// The page cannot be read, or has no place for the table.
pub fn operations(assembly: &Assembly, template: &Template) -> Result<String, TemplateError> {
    let origin = "docs/OPERATIONS.md";
    let text = std::fs::read_to_string(root().join(origin))
        .map_err(|source| TemplateError::Read { origin: origin.to_owned(), source })?;
    let missing = || in_part(origin, format!("there is no `{}`", BEGIN.trim_end()));
    let (before, rest) = text.split_once(BEGIN).ok_or_else(missing)?;
    let (_, after) = rest.split_once(END).ok_or_else(missing)?;
    Ok(format!("{before}{BEGIN}{}{END}{after}", table(assembly, template)))
}

fn table(assembly: &Assembly, template: &Template) -> String {
    let mut lines = vec![
        "| function | what it does | MB | time-out | reserved | connections | alarm |".to_owned(),
        "| --- | --- | --- | --- | --- | --- | --- |".to_owned(),
    ];
    let (mut reserved, mut connections) = (0, 0);
    for (_, function) in template.functions() {
        let (name, concurrency) = (short_name(function), &function["ReservedConcurrentExecutions"]);
        let environments = template.number(concurrency);
        let each = assembly.functions().get(name).map_or(1, Function::connections);
        reserved += environments;
        connections += environments * each;
        lines.push(format!(
            "| `{name}` | {} | {} | {} s | `{}` {environments} | {} | `{}ErrorsAlarm` |",
            function["Description"].as_str().unwrap_or_default(),
            template.memory(function),
            template.number(&function["Timeout"]),
            target(concurrency),
            environments * each,
            pascal(name),
        ));
    }
    lines.push(format!("| all | | | | **{reserved}** | **{connections}** | |"));
    lines.join("\n") + "\n"
}
