//! How the code is written about: docs/GLOSSARY.md has the words, CONTRIBUTING.md the rules.
//!
//! The compiler's `missing_docs` is off, because it also asks for a comment on a field called
//! `vendor`. This asks for one where a reader needs it, and for more than the name again.

use penstock_tests::repository::root;

use crate::files::tracked;

/// A paragraph of a doc comment begins with its subject or its verb, so with none of these.
const BEGINNINGS: [&str; 7] = ["What", "Whatever", "Whoever", "Whom", "Where", "None", "Nobody"];

/// Words that were said in place of a reason.
const EMPTY: [&str; 3] = ["whatever postgres", "none where it is none", "where it is none"];

/// Columns of a line that holds a comment.
const COLUMNS: usize = 100;

/// Columns of a line of Markdown outside tables and code.
const PAGE_COLUMNS: usize = 110;

/// One place that breaks a rule.
type Finding = String;

/// The text of a line that is nothing but a comment.
fn comment(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("//").map(|rest| rest.trim_start_matches(['/', '!']).trim())
}

/// The text of a doc comment's line.
fn doc(line: &str) -> Option<&str> {
    line.trim_start().strip_prefix("///").map(str::trim)
}

/// The first word of line `at`, if a paragraph of a doc comment begins there.
fn first_word<'c>(lines: &[&'c str], at: usize) -> Option<&'c str> {
    let text = |line: &'c str| {
        let line = line.trim_start();
        line.strip_prefix("///").or_else(|| line.strip_prefix("//!")).map(str::trim)
    };
    let before = at.checked_sub(1).and_then(|before| text(lines[before]));
    let begins = before.is_none_or(|before| before.is_empty() || before.starts_with("# "));
    text(lines[at]).filter(|_| begins)?.split(|c: char| !c.is_alphanumeric()).next()
}

/// The kind and name of an item that other crates see: `fn` and `connect`.
fn public_item(line: &str) -> Option<(&str, &str)> {
    let mut words = line.trim_start().strip_prefix("pub ")?.split_whitespace();
    let kind = words.find(|word| !["async", "const", "unsafe"].contains(word))?;
    let is_item = ["fn", "struct", "enum", "trait", "type"].contains(&kind);
    let name = words.next()?.split(|c: char| !c.is_alphanumeric() && c != '_').next()?;
    // A macro's `$name` has no name here.
    (is_item && !name.is_empty()).then_some((kind, name))
}

/// Says what is wrong with the doc comment of the item in line `at`, if anything is.
fn undocumented(lines: &[&str], at: usize) -> Option<&'static str> {
    let before = &lines[..above_attributes(lines, at)];
    let docs: Vec<&str> = before.iter().rev().map_while(|line| doc(line)).collect();
    let words = docs.iter().rev().take_while(|line| !line.starts_with("# "));
    match words.flat_map(|line| line.split_whitespace()).count() {
        0 => Some("has no doc comment"),
        1..=3 => Some("has a doc comment of three words or fewer"),
        _ => None,
    }
}

/// Returns the first line of the attributes above line `at`. An attribute may take several lines.
fn above_attributes(lines: &[&str], at: usize) -> usize {
    let mut first = at;
    while first > 0 && doc(lines[first - 1]).is_none() {
        let line = lines[first - 1].trim();
        let is_one_line = line.starts_with("#[");
        if !is_one_line && !line.ends_with(")]") {
            break;
        }
        first -= 1;
        while first > 0 && !lines[first].trim().starts_with("#[") {
            first -= 1;
        }
    }
    first
}

/// The findings in a Rust file.
fn in_code(code: &str) -> Vec<(usize, Finding)> {
    let lines: Vec<&str> = code.lines().collect();
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate() {
        let text = comment(line);
        if let Some(text) = text {
            let lower = text.to_lowercase();
            found
                .extend(EMPTY.iter().filter(|e| lower.contains(*e)).map(|e| (at, (*e).to_owned())));
            let columns = line.chars().count();
            if columns > COLUMNS && text.contains(' ') {
                found.push((at, format!("a comment of {columns} columns")));
            }
        }
        if let Some(word) = first_word(&lines, at).filter(|word| BEGINNINGS.contains(word)) {
            found.push((at, format!("a paragraph begins with {word}")));
        }
        if let Some((kind, name)) = public_item(line)
            && let Some(why) = undocumented(&lines, at)
        {
            found.push((at, format!("{kind} {name} {why}")));
        }
    }
    found
}

/// The lines of a page that are too long.
fn in_page(page: &str) -> Vec<(usize, Finding)> {
    let mut is_code = false;
    let mut found = Vec::new();
    for (at, line) in page.lines().enumerate() {
        is_code ^= line.trim_start().starts_with("```");
        let is_free = is_code || line.starts_with(['|', '<']) || line.starts_with("    ");
        let columns = line.chars().count();
        if columns > PAGE_COLUMNS && !is_free && !line.contains("http") {
            found.push((at, format!("{columns} columns")));
        }
    }
    found
}

#[test]
fn comments_say_something_in_lines_that_can_be_read() {
    let mut findings = Vec::new();
    for file in tracked() {
        if file.ends_with("policy/prose.rs") {
            continue;
        }
        let Ok(text) = std::fs::read_to_string(root().join(&file)) else { continue };
        let is_test = file.contains("/tests/") || file.ends_with("/tests.rs");
        let found = if file.ends_with(".rs") {
            in_code(&text)
        } else if file.ends_with(".md") {
            in_page(&text)
        } else {
            Vec::new()
        };
        // Items of tests are seen by no other crate.
        let counts = |what: &str| !is_test || !what.contains("doc comment");
        let counted = found.into_iter().filter(|(_, what)| counts(what));
        findings.extend(counted.map(|(at, what)| format!("{file}:{}: {what}", at + 1)));
    }
    assert!(findings.is_empty(), "{} findings:\n{}", findings.len(), findings.join("\n"));
}

#[test]
fn each_rule_finds_what_breaks_it() {
    let long = format!("// {}", "word ".repeat(20));
    for (code, finding) in [
        ("/// The vendor.\npub struct Vendor;", "struct Vendor has a doc comment of three words"),
        (
            "/// Reads.\n///\n/// # Errors\n/// If it is away.\npub fn read() {}",
            "fn read has a doc",
        ),
        ("#[must_use]\npub async fn run() {}", "fn run has no doc comment"),
        ("/// Runs.\n#[expect(\n    x,\n    y\n)]\npub fn run() {}", "fn run has a doc comment of"),
        ("// Whatever Postgres answers.", "whatever postgres"),
        (long.as_str(), "a comment of 103 columns"),
        ("/// Reads.\n///\n/// # Errors\n/// Where it is away.", "a paragraph begins with Where"),
        ("//! None: it is over.", "a paragraph begins with None"),
    ] {
        let found = in_code(code);
        assert!(found.iter().any(|(_, what)| what.starts_with(finding)), "{code}: {found:?}");
    }
}

#[test]
fn prose_that_keeps_the_rules_has_no_findings() {
    let code = "/// Loads the state of `run`.\n#[must_use]\npub fn load() {}\n\
                pub(crate) fn inner() {}\n// A line that goes on\n// Where it wants.\n\
                /// It is read.\n/// Where it goes on is free.\nstruct Inner;\n";
    assert_eq!(in_code(code), []);
    assert_eq!(in_page(&format!("| {} |\n\n```\n{}\n```\n", "x".repeat(200), "x".repeat(200))), []);
    assert_eq!(in_page(&"x ".repeat(80)).len(), 1);
}
