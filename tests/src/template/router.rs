//! Writes the routes of `cargo lambda watch` in Cargo.toml.

use std::collections::BTreeMap;

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
    let lines =
        routes.iter().map(|(path, methods)| format!("\"{path}\" = {}\n", functions(methods)));
    Ok(format!("{before}{TABLE}{}\n{after}", lines.collect::<String>()))
}

/// The methods that a function with routes of its own at a path is called by, beside the reads of
/// another one. The router of `cargo lambda watch` knows no "any other".
const WRITES: [&str; 4] = ["DELETE", "PATCH", "POST", "PUT"];

/// Returns the functions of a path, in the words of the router.
fn functions(methods: &BTreeMap<String, String>) -> String {
    if let [(_, function)] = methods.iter().collect::<Vec<_>>()[..] {
        return format!("\"{function}\"");
    }
    let of = |method: &str, function: &str| {
        format!("    {{ method = \"{method}\", function = \"{function}\" }},\n")
    };
    let all = methods.iter().flat_map(|(method, function)| match method.as_str() {
        "ANY" => WRITES.map(|method| of(method, function)).to_vec(),
        method => vec![of(method, function)],
    });
    format!("[\n{}]", all.collect::<String>())
}
