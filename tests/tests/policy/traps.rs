//! docs/TRAPS.md and the code name the same traps.

use std::collections::{BTreeMap, BTreeSet};

use penstock_tests::repository::root;

use crate::files::tracked;

/// Marks the table whose entries no test holds yet.
const OPEN: &str = "## Known, and not held yet";

/// An entry of the page.
#[derive(Debug, PartialEq, Eq)]
struct Entry {
    number: u32,
    /// The test that the entry names; `None` among those that nothing holds yet.
    test: Option<String>,
}

/// Reads the rows of the page's tables.
fn entries(page: &str) -> Vec<Entry> {
    let mut is_open = false;
    let mut found = Vec::new();
    for line in page.lines() {
        is_open |= line == OPEN;
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        let Some(number) = cells.first().and_then(|cell| cell.parse().ok()) else { continue };
        let test = cells.last().map(|cell| cell.trim_matches('`').to_owned());
        found.push(Entry { number, test: test.filter(|_| !is_open) });
    }
    found
}

/// The numbers that a text cites, as in `trap 44` and `traps 10, 25`.
fn cited(text: &str) -> BTreeSet<u32> {
    let lower = text.to_ascii_lowercase();
    let mut numbers = BTreeSet::new();
    for (at, word) in lower.match_indices("trap") {
        let rest = &lower[at + word.len()..];
        let mut next = rest.strip_prefix('s').unwrap_or(rest).strip_prefix(' ');
        while let Some(rest) = next {
            let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
            let Ok(number) = digits.parse() else { break };
            numbers.insert(number);
            let rest = &rest[digits.len()..];
            next = rest.strip_prefix(", ").or_else(|| rest.strip_prefix(" and "));
        }
    }
    numbers
}

/// The functions called `trap_NN_…` in a Rust file, by name, each with the numbers in its name.
fn tests_in(code: &str) -> BTreeMap<String, BTreeSet<u32>> {
    let names = code.split("fn trap_").skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        format!("trap_{}", &rest[..end.unwrap_or(rest.len())])
    });
    names.map(|name| (name.clone(), numbers_of(&name))).collect()
}

fn numbers_of(test: &str) -> BTreeSet<u32> {
    let after = test.split("trap_").skip(1);
    after.filter_map(|rest| rest.split('_').next()?.parse().ok()).collect()
}

#[test]
fn every_trap_that_the_code_cites_has_an_entry_and_every_entry_its_test() {
    let page = std::fs::read_to_string(root().join("docs/TRAPS.md")).unwrap();
    let entries = entries(&page);
    let known: BTreeSet<u32> = entries.iter().map(|entry| entry.number).collect();
    assert_eq!(known.len(), entries.len(), "a number has two entries");
    let mut tests = BTreeMap::new();
    for file in tracked() {
        let Ok(text) = std::fs::read_to_string(root().join(&file)) else { continue };
        if file.ends_with("policy/traps.rs") {
            continue;
        }
        for number in cited(&text) {
            assert!(
                known.contains(&number),
                "{file} cites trap {number}, unknown to docs/TRAPS.md"
            );
        }
        if file.ends_with(".rs") {
            tests.extend(tests_in(&text));
        }
    }
    assert!(tests.len() > 100, "only {} tests were found", tests.len());
    for (test, numbers) in &tests {
        for number in numbers {
            let entry = entries.iter().find(|entry| entry.number == *number);
            let entry = entry.unwrap_or_else(|| panic!("{test} has no entry in docs/TRAPS.md"));
            assert!(
                entry.test.is_some(),
                "{test} holds trap {number}: the page says that nothing does"
            );
        }
    }
    for Entry { number, test } in entries {
        let Some(test) = test else { continue };
        let numbers = tests.get(&test).unwrap_or_else(|| panic!("there is no test {test}"));
        assert!(numbers.contains(&number), "{test} is not about trap {number}");
    }
}

#[test]
fn a_citation_is_read_however_many_numbers_it_has() {
    for (text, numbers) in [
        ("(trap 44)", vec![44]),
        ("traps 10, 25 and 7", vec![7, 10, 25]),
        ("Traps 12 and 13", vec![12, 13]),
        ("a trap, 44 of them, trapped 9", vec![]),
        ("no trap here", vec![]),
    ] {
        assert_eq!(cited(text), numbers.into_iter().collect(), "{text}");
    }
}

#[test]
fn a_row_of_the_page_is_a_number_and_a_test_unless_it_is_open() {
    let page = format!("| trap | held by |\n| 7 | x | `trap_07_a` |\n\n{OPEN}\n\n| 50 | x |\n");
    let entry = |number, test: Option<&str>| Entry { number, test: test.map(str::to_owned) };
    assert_eq!(entries(&page), [entry(7, Some("trap_07_a")), entry(50, None)]);
}
