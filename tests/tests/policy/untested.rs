//! Doc tests and tests in programs: `make test` runs none, because there are none. Each would cost
//! a start of rustdoc for each crate, or a program to be linked for each function.

use penstock_tests::repository::root;

use crate::files::tracked;

/// The languages of code blocks that rustdoc takes for no test.
const NO_TESTS: [&str; 5] = ["text", "json", "sql", "sh", "mermaid"];

/// The lines of a file that open a code block which rustdoc would compile.
fn doc_tests(text: &str) -> Vec<usize> {
    let mut is_open = false;
    let mut found = Vec::new();
    for (at, line) in text.lines().enumerate() {
        let line = line.trim_start();
        let doc = line.strip_prefix("///").or_else(|| line.strip_prefix("//!"));
        let Some(language) = doc.and_then(|doc| doc.trim_start().strip_prefix("```")) else {
            continue;
        };
        is_open = !is_open;
        if is_open && !NO_TESTS.contains(&language.trim()) {
            found.push(at + 1);
        }
    }
    found
}

#[test]
fn no_code_in_a_doc_comment_needs_rustdoc_to_run_it() {
    for path in tracked().iter().filter(|path| path.ends_with(".rs")) {
        let text = std::fs::read_to_string(root().join(path)).unwrap();
        let found = doc_tests(&text);
        assert!(found.is_empty(), "{path}, lines {found:?}: make it a test, and name it here");
    }
}

#[test]
fn programs_have_no_tests_of_their_own() {
    let is_program = |path: &&String| path.ends_with("src/main.rs") || path.contains("/src/bin/");
    let programs: Vec<String> = tracked().into_iter().filter(|path| is_program(&path)).collect();
    assert!(programs.len() > 10, "{programs:?}");
    for path in programs {
        let text = std::fs::read_to_string(root().join(&path)).unwrap();
        assert!(
            !text.contains("#[test]") && !text.contains("::test]"),
            "{path}: move it to a library"
        );
    }
}

#[test]
fn a_doc_test_is_found_by_its_first_line() {
    let text = "/// ```\n/// let a = 1;\n/// ```\n//! ```text\n//! a\n//! ```\n    /// ```no_run\n";
    assert_eq!(doc_tests(text), [1, 7]);
}
