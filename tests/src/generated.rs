//! The generated files that are committed. `make generate` writes them, and tests fail if one is
//! out of date.

use std::error::Error;
use std::path::PathBuf;

#[cfg(doc)]
use penstock_edge::contract::Mismatch;

#[cfg(doc)]
use crate::template::TemplateError;
use crate::{contract, template};

/// A generated file: its path and its correct text.
#[derive(Debug)]
pub struct Generated {
    pub path: PathBuf,
    pub text: String,
}

/// Generates all files: those of the contract and those of the template.
///
/// # Errors
///
/// [`Mismatch`] if routes and descriptions differ; [`TemplateError`] if the template's parts do not
/// fit together.
pub fn generate() -> Result<Vec<Generated>, Box<dyn Error>> {
    let mut files = contract::generate()?;
    files.extend(template::generate()?);
    Ok(files)
}
