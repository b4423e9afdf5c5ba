//! A link in a page leads to a file, and to a heading, that is there.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use penstock_tests::repository::root;

use crate::files::tracked;

/// The anchors that GitHub gives to the headings of a page.
fn anchors(page: &str) -> BTreeSet<String> {
    let mut is_code = false;
    let mut found = BTreeSet::new();
    for line in page.lines() {
        is_code ^= line.trim_start().starts_with("```");
        if let Some(heading) = line.strip_prefix('#').filter(|_| !is_code) {
            found.insert(anchor(heading.trim_start_matches('#').trim()));
        }
    }
    found
}

/// The anchor of a heading: lower case, hyphens for spaces, no other punctuation.
fn anchor(heading: &str) -> String {
    let kept = |c: &char| c.is_alphanumeric() || [' ', '-', '_'].contains(c);
    heading.to_lowercase().chars().filter(kept).collect::<String>().replace(' ', "-")
}

/// The targets of the links in a page, without those that lead to other hosts.
fn targets(page: &str) -> impl Iterator<Item = &str> {
    let targets = page.split("](").skip(1).filter_map(|rest| rest.split(')').next());
    targets.filter(|target| !target.contains("://") && !target.contains(' '))
}

/// The path without `.` and `..`.
fn plain(path: &Path) -> PathBuf {
    let mut parts = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(parts.pop()),
            Component::CurDir => {}
            other => parts.push(other),
        }
    }
    parts
}

#[test]
fn every_link_leads_somewhere() {
    let mut broken = Vec::new();
    let mut links = 0;
    for file in tracked().into_iter().filter(|file| file.ends_with(".md")) {
        let page = std::fs::read_to_string(root().join(&file)).unwrap();
        let folder = Path::new(&file).parent().unwrap();
        for target in targets(&page) {
            links += 1;
            let (path, heading) = target.split_once('#').unwrap_or((target, ""));
            let other =
                if path.is_empty() { PathBuf::from(&file) } else { plain(&folder.join(path)) };
            let is_there = match std::fs::read_to_string(root().join(&other)) {
                Ok(text) => heading.is_empty() || anchors(&text).contains(heading),
                // A folder, or a picture.
                Err(_) => heading.is_empty() && root().join(&other).exists(),
            };
            if !is_there {
                broken.push(format!("{file} -> {target}"));
            }
        }
    }
    assert!(links > 100, "only {links} links were found");
    assert!(broken.is_empty(), "{} links lead nowhere:\n{}", broken.len(), broken.join("\n"));
}

#[test]
fn an_anchor_is_made_as_github_makes_it() {
    for (heading, expected) in [
        ("The twelve rules", "the-twelve-rules"),
        ("6. A new kind of row", "6-a-new-kind-of-row"),
        ("relay and bury", "relay-and-bury"),
        ("Delete a person's data", "delete-a-persons-data"),
        ("`/readyz`, and more", "readyz-and-more"),
    ] {
        assert_eq!(anchor(heading), expected);
    }
    assert_eq!(anchors("# A b\n```\n# not\n```\n## C\n").len(), 2);
}
