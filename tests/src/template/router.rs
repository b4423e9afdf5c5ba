//! Writes the routes of `cargo lambda watch` in Cargo.toml.

use super::part::in_part;
use super::{Template, TemplateError};
use crate::repository::root;

const TABLE: &str = "[workspace.metadata.lambda.watch.router]\n";

/// Returns Cargo.toml with the template's routes.
///
/// # Errors
///
/// Cargo.toml cannot be read, or has no table of routes.
pub fn manifest(template: &Template) -> Result<String, TemplateError> {
    let origin = "Cargo.toml";
    let text = std::fs::read_to_string(root().join(origin))
        .map_err(|source| TemplateError::Read { origin: origin.to_owned(), source })?;
    let missing =
        || in_part(origin, "there is no table of routes, with a blank line behind".into());
    let (before, rest) = text.split_once(TABLE).ok_or_else(missing)?;
    let (_, after) = rest.split_once("\n\n").ok_or_else(missing)?;
    let routes = template.routes();
    let lines = routes.iter().map(|(path, function)| format!("\"{path}\" = \"{function}\"\n"));
    Ok(format!("{before}{TABLE}{}\n{after}", lines.collect::<String>()))
}
