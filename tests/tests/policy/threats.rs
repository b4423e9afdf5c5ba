//! docs/THREATS.md names tests that exist, and every queue that somebody may send to.

use std::collections::BTreeSet;

use penstock_tests::repository::root;
use penstock_tests::template::Template;

use crate::files::tracked;

/// Marks the table whose rows no test holds yet.
const OPEN: &str = "## Known, and not held yet";

/// The words that a line sets as code.
fn named(line: &str) -> impl Iterator<Item = &str> {
    line.split('`').skip(1).step_by(2)
}

/// The rows of the page's tables that a test holds: the threat, and the last cell of its row.
fn held(page: &str) -> Vec<(&str, &str)> {
    let page = page.split(OPEN).next().unwrap();
    let rows = page.lines().filter(|line| line.starts_with("| ") && !line.starts_with("| ---"));
    let rows = rows.filter_map(|row| row.trim_matches('|').split_once('|'));
    let rows = rows.map(|(first, rest)| (first.trim(), rest.rsplit('|').next().unwrap().trim()));
    rows.filter(|(_, last)| *last != "held by").collect()
}

/// The names of all functions that are tests, of every Rust file.
fn tests() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for file in tracked().into_iter().filter(|file| file.ends_with(".rs")) {
        let Ok(code) = std::fs::read_to_string(root().join(&file)) else { continue };
        let mut is_test = false;
        for line in code.lines().map(str::trim_start) {
            is_test |= line.starts_with("#[test]") || line.starts_with("#[tokio::test");
            let Some((_, rest)) = line.split_once("fn ") else { continue };
            if std::mem::take(&mut is_test) {
                let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
                names.insert(rest[..end.unwrap_or(rest.len())].to_owned());
            }
        }
    }
    names
}

#[test]
fn every_threat_that_is_held_names_tests_that_exist() {
    let page = std::fs::read_to_string(root().join("docs/THREATS.md")).unwrap();
    let (rows, tests) = (held(&page), tests());
    assert!(rows.len() > 20, "only {} rows were found", rows.len());
    for (threat, holders) in rows {
        assert!(named(holders).count() > 0, "no test holds: {threat}");
        for test in named(holders) {
            assert!(tests.contains(test), "there is no test {test}, which holds: {threat}");
        }
    }
}

#[test]
fn every_queue_of_the_template_has_its_row_among_the_threats() {
    let page = std::fs::read_to_string(root().join("docs/THREATS.md")).unwrap();
    let (_, section) = page.split_once("\n## Somebody who may send to a queue\n").unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter_map(|row| row.strip_prefix("| ")?.split('|').next());
    let listed: BTreeSet<&str> = rows.flat_map(named).collect();
    let template = Template::read();
    let queues = template.resources("AWS::SQS::Queue");
    assert_eq!(listed, queues.into_iter().map(|(name, _)| name).collect());
}

#[test]
fn a_row_without_a_test_and_a_row_that_is_open_are_told_apart() {
    let page = format!(
        "| they try | they get | held by |\n| --- | --- | --- |\n| a | b | `t` |\n{OPEN}\n| c |\n"
    );
    assert_eq!(held(&page), [("a", "`t`")]);
}
