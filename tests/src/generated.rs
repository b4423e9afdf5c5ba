//! The generated files that are committed. `make generate` writes them, and tests fail if one is
//! out of date.

use std::error::Error;
use std::path::PathBuf;

#[cfg(doc)]
use penstock_edge::contract::Mismatch;

#[cfg(doc)]
use crate::template::TemplateError;
use crate::{analytics, contract, template};

/// A generated file: its path and its correct text.
#[derive(Debug)]
pub struct Generated {
    pub path: PathBuf,
    pub text: String,
}

/// Generates all files: those of the contract, of the template and of the analytics copy.
///
/// # Errors
///
/// [`Mismatch`] if routes and descriptions differ; [`TemplateError`] if the template's parts do not
/// fit together; an error of the file system if a page cannot be read.
pub fn generate() -> Result<Vec<Generated>, Box<dyn Error>> {
    let mut files = contract::generate()?;
    files.extend(template::generate()?);
    files.extend(analytics::generate()?);
    Ok(files)
}
