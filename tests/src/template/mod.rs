//! infra/template.yaml, assembled from `functions/*/stack.yaml` and `infra/template/`, and read
//! back as a value by the tests (docs/adr/0028-the-template-is-assembled.md).
//!
//! A part is a YAML file. Its sections of CloudFormation (`Parameters`, `Resources` and so on) are
//! joined with those of the other parts. A section of another name, such as `Alarms`, follows a
//! pattern of `infra/template/each/`, once for each entry.

mod assembly;
mod chapters;
pub mod dashboard;
mod function;
mod glue;
mod page;
mod part;
mod policy;
mod router;
mod slots;
mod text;
mod value;

use std::path::PathBuf;

use crate::generated::Generated;
use crate::repository::root;
use assembly::Assembly;

pub use value::{Template, short_name, target};

/// A reason for which the template cannot be assembled.
#[derive(Debug, thiserror::Error)]
pub enum TemplateError {
    /// A file cannot be read.
    #[error("{origin} cannot be read")]
    Read {
        /// The file's path below the root.
        origin: String,
        /// The error of the file system.
        source: std::io::Error,
    },
    /// A file has a section, a key or a value that does not fit.
    #[error("{origin}: {what}")]
    Part {
        /// The file's path below the root.
        origin: String,
        /// A sentence on what does not fit.
        what: String,
    },
    /// The result is not YAML, or has a key twice.
    #[error("the assembled template is not valid YAML: {0}")]
    Yaml(#[from] serde_norway::Error),
}

/// Generates the files that follow from the parts: the template, the routes in Cargo.toml, and the
/// table of functions in docs/OPERATIONS.md.
///
/// # Errors
///
/// A part cannot be read or does not fit, or a page lacks the place for its table.
pub fn generate() -> Result<Vec<Generated>, TemplateError> {
    let assembly = Assembly::read()?;
    let text = assembly.text()?;
    let template = Template::parse(&text)?;
    let path = |name: &str| -> PathBuf { root().join(name) };
    Ok(vec![
        Generated { path: path("Cargo.toml"), text: router::manifest(&template)? },
        Generated {
            path: path("docs/OPERATIONS.md"),
            text: page::operations(&assembly, &template)?,
        },
        Generated { path: path("infra/template.yaml"), text },
    ])
}
