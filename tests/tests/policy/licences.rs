//! `deny.toml` holds, without cargo-deny: the one list is read from there.

use std::collections::BTreeSet;

use penstock_tests::repository::root;

use crate::crates::Graph;

/// The strings of a list in `deny.toml`: `key = [ … ]` of `section`.
fn listed(section: &str, key: &str) -> Vec<String> {
    let text = std::fs::read_to_string(root().join("deny.toml")).unwrap();
    let section =
        text.split(&format!("\n[{section}]\n")).nth(1).expect("deny.toml has the section");
    let section = section.split("\n[").next().unwrap();
    let list = section.split(&format!("{key} = [")).nth(1).expect("the section has the list");
    let list = list.split("\n]").next().unwrap().lines();
    // Of a table such as `{ crate = "x", reason = "y" }` the first string is meant.
    let first_string = |line: &str| line.split('"').nth(1).map(str::to_owned);
    list.filter(|line| !line.trim_start().starts_with('#')).filter_map(first_string).collect()
}

/// Whether an SPDX expression can be met with the licences in `allowed`.
fn is_met(expression: &str, allowed: &BTreeSet<String>) -> bool {
    // Crates that are older than SPDX write a slash for OR.
    let spaced = expression.replace('/', " OR ").replace('(', " ( ").replace(')', " ) ");
    let words: Vec<&str> = spaced.split_whitespace().collect();
    let (met, rest) = any_of(&words, allowed);
    assert!(rest.is_empty(), "{expression:?} cannot be read");
    met
}

fn any_of<'a>(words: &'a [&'a str], allowed: &BTreeSet<String>) -> (bool, &'a [&'a str]) {
    let (mut met, mut rest) = all_of(words, allowed);
    while let ["OR", after @ ..] = rest {
        let (other, after) = all_of(after, allowed);
        (met, rest) = (met || other, after);
    }
    (met, rest)
}

fn all_of<'a>(words: &'a [&'a str], allowed: &BTreeSet<String>) -> (bool, &'a [&'a str]) {
    let (mut met, mut rest) = one(words, allowed);
    while let ["AND", after @ ..] = rest {
        let (other, after) = one(after, allowed);
        (met, rest) = (met && other, after);
    }
    (met, rest)
}

fn one<'a>(words: &'a [&'a str], allowed: &BTreeSet<String>) -> (bool, &'a [&'a str]) {
    match words {
        ["(", inner @ ..] => {
            let (met, rest) = any_of(inner, allowed);
            (met, rest.strip_prefix(&[")"]).expect("a bracket that is opened is closed"))
        }
        [licence, "WITH", exception, rest @ ..] => {
            (allowed.contains(&format!("{licence} WITH {exception}")), rest)
        }
        [licence, rest @ ..] => (allowed.contains(*licence), rest),
        [] => panic!("a licence is missing"),
    }
}

#[test]
fn an_expression_is_met_as_spdx_says() {
    let allowed = BTreeSet::from(["MIT".to_owned(), "ISC".to_owned()]);
    for (expression, met) in [
        ("MIT", true),
        ("GPL-3.0-only", false),
        ("Apache-2.0/MIT", true),
        ("Apache-2.0 AND ISC", false),
        ("(Apache-2.0 OR MIT) AND ISC", true),
        ("Apache-2.0 OR MIT AND Zlib", false),
        ("Apache-2.0 WITH LLVM-exception OR MIT", true),
    ] {
        assert_eq!(is_met(expression, &allowed), met, "{expression}");
    }
}

#[test]
fn every_crate_has_a_licence_that_is_allowed_and_every_licence_allowed_is_needed() {
    let graph = Graph::load();
    let allowed: BTreeSet<String> = listed("licenses", "allow").into_iter().collect();
    let refused = |allowed: &BTreeSet<String>| -> Vec<String> {
        let refused = graph.packages().filter(|p| !is_met(&p.licence, allowed));
        refused.map(|p| format!("{}: {}", p.name, p.licence)).collect()
    };
    assert_eq!(refused(&allowed), Vec::<String>::new());
    for licence in &allowed {
        let mut without = allowed.clone();
        without.remove(licence);
        assert!(!refused(&without).is_empty(), "{licence} is allowed and nothing needs it");
    }
}

#[test]
fn no_crate_that_is_banned_is_used() {
    let banned = listed("bans", "deny");
    assert!(banned.iter().any(|name| name == "openssl-sys"), "{banned:?}");
    let graph = Graph::load();
    let used: Vec<_> =
        graph.packages().map(|p| p.name.clone()).filter(|name| banned.contains(name)).collect();
    assert_eq!(used, Vec::<String>::new());
}

#[test]
fn every_crate_comes_from_the_one_registry_or_from_this_repository() {
    let graph = Graph::load();
    let sources: BTreeSet<&str> = graph.packages().filter_map(|p| p.source.as_deref()).collect();
    let registries = sources.iter().filter(|source| source.starts_with("registry+")).count();
    assert_eq!((registries, sources.len()), (1, 1), "{sources:?}");
}
