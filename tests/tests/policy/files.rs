//! How long files may be (a reader's patience is a budget too).

use std::path::{Path, PathBuf};

use penstock_tests::repository::{functions, root};

const MAIN_LINES: usize = 40;
const FILE_LINES: usize = 400;

/// Files that may be longer, each with its reason.
const LONGER: [(&str, &str); 0] = [];

/// The paths of all files that git tracks, from the root of the repository.
pub fn tracked() -> Vec<String> {
    let git = std::process::Command::new("git").current_dir(root()).arg("ls-files").output();
    let listed = String::from_utf8(git.expect("git runs").stdout).expect("paths are UTF-8");
    let paths: Vec<String> = listed.lines().map(str::to_owned).collect();
    assert!(paths.len() > 100, "git lists only {} files", paths.len());
    paths
}

/// Every Rust file below `folder`.
pub fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() && !path.ends_with("target") {
            found.extend(rust_files(&path));
        } else if path.extension().is_some_and(|e| e == "rs") {
            found.push(path);
        }
    }
    found
}

fn lines(file: &Path) -> usize {
    std::fs::read_to_string(file).unwrap().lines().count()
}

#[test]
fn main_only_wires_so_it_is_short() {
    let functions = functions();
    for function in &functions {
        let main = root().join("functions").join(function).join("src/main.rs");
        let lines = lines(&main);
        assert!(
            lines <= MAIN_LINES,
            "{} has {lines} lines, {MAIN_LINES} are allowed",
            main.display()
        );
    }
    assert!(functions.len() >= 6, "only {functions:?} were found");
}

#[test]
fn no_rust_file_is_longer_than_can_be_read_at_once() {
    let mut seen = 0;
    for folder in ["functions", "shared", "tests"] {
        for file in rust_files(&root().join(folder)) {
            let (name, lines) = (file.strip_prefix(root()).unwrap(), lines(&file));
            let excused = LONGER.iter().any(|(path, _)| name == Path::new(path));
            assert!(
                lines <= FILE_LINES || excused,
                "{} has {lines} lines, {FILE_LINES} are allowed",
                name.display()
            );
            assert!(
                lines > FILE_LINES || !excused,
                "{} is short: it needs no excuse",
                name.display()
            );
            seen += 1;
        }
    }
    assert!(seen > 100, "only {seen} files were found");
}
