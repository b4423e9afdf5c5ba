//! The files of the repository that are generated and committed. `make generate` writes them, and
//! tests fail if one is out of date.

use std::path::PathBuf;

use crate::template::TemplateError;
use crate::{contract, template};

/// A file of the repository, and its text as it should be.
#[derive(Debug)]
pub struct Generated {
    /// The file's path.
    pub path: PathBuf,
    /// The file's text.
    pub text: String,
}

/// All files that are generated: those of the contract, and those of the template.
///
/// # Errors
/// [`TemplateError`] if the template's parts do not fit together.
pub fn generate() -> Result<Vec<Generated>, TemplateError> {
    let mut files = contract::generate();
    files.extend(template::generate()?);
    Ok(files)
}
