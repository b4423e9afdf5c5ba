//! The repository that this program was built from.
#![expect(clippy::expect_used, reason = "tests and generators cannot go on without it")]

use std::path::{Path, PathBuf};

use penstock_edge::config;

/// Returns the folder that holds the workspace.
#[must_use]
pub fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("tests/ lies in the root")
}

/// Returns a program of the environment of Schemathesis, which `make setup` makes; `None` if this
/// was not started by `infra/local/stack.py`.
#[must_use]
pub fn installed(name: &str) -> Option<PathBuf> {
    let schemathesis = config::from_process().optional("PENSTOCK_SCHEMATHESIS")?;
    Some(Path::new(&schemathesis).with_file_name(name))
}

/// Returns the names of the Lambda functions, in alphabetical order. Each folder of `functions/`
/// that holds a crate is one. No other list of them exists.
///
/// # Panics
///
/// If the folder cannot be read.
#[must_use]
pub fn functions() -> Vec<String> {
    let entries = std::fs::read_dir(root().join("functions")).expect("functions/ can be read");
    let folders = entries.map(|entry| entry.expect("an entry of functions/").path());
    let mut names: Vec<String> = folders
        .filter(|folder| folder.join("Cargo.toml").is_file())
        .filter_map(|folder| Some(folder.file_name()?.to_str()?.to_owned()))
        .collect();
    names.sort();
    names
}

/// Returns the name of a function's package: that of its folder, unless a crate of another's has
/// it.
///
/// # Panics
///
/// If its Cargo.toml cannot be read, or names no package.
#[must_use]
pub fn package_of(function: &str) -> String {
    let manifest = root().join("functions").join(function).join("Cargo.toml");
    let manifest = std::fs::read_to_string(manifest).expect("a function has a Cargo.toml");
    let names = manifest.lines().filter_map(|line| line.strip_prefix("name = \""));
    let name = names.filter_map(|rest| rest.strip_suffix('"')).next();
    name.expect("the package has a name").to_owned()
}
