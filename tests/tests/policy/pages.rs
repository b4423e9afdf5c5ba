//! Facts that pages and code both state must agree.

use penstock_tests::repository::root;

#[test]
fn the_page_on_adding_a_source_names_all_that_a_source_may_say() {
    let code = std::fs::read_to_string(root().join("shared/domain/src/source/mod.rs")).unwrap();
    let page = std::fs::read_to_string(root().join("docs/ADDING-A-SOURCE.md")).unwrap();
    let (_, body) = code.split_once("pub trait Source").unwrap();
    let (body, _) = body.split_once("\n}\n").unwrap();
    let methods = body.lines().filter_map(|line| line.trim_start().strip_prefix("fn "));
    let methods: Vec<&str> = methods.filter_map(|rest| rest.split(['(', '<']).next()).collect();
    assert!(methods.len() > 12, "only {methods:?} were found");
    for method in methods {
        let named = [format!("`{method}`"), format!("`{method}(")];
        assert!(
            named.iter().any(|name| page.contains(name)),
            "docs/ADDING-A-SOURCE.md does not say {method}"
        );
    }
}

#[test]
fn no_migration_is_left_out_of_the_lint_that_is_newer_than_the_linter() {
    let settings = std::fs::read_to_string(root().join(".squawk.toml")).unwrap();
    let (_, left_out) = settings.split_once("excluded_paths = [").unwrap();
    let left_out: Vec<&str> = left_out.split('"').skip(1).step_by(2).collect();
    assert!(!left_out.is_empty());
    for path in left_out {
        assert!(root().join(path).is_file(), "{path} is not there");
        let version = path.trim_start_matches("migrations/V").split("__").next().unwrap();
        assert!(version.parse::<u32>().unwrap() <= 24, "{path} must pass");
    }
}

#[test]
fn each_rule_that_migrations_need_not_follow_has_a_reason() {
    let settings = std::fs::read_to_string(root().join(".squawk.toml")).unwrap();
    let (_, rules) = settings.split_once("excluded_rules = [\n").unwrap();
    let (rules, _) = rules.split_once("\n]").unwrap();
    // Rules that follow each other share the reason above them.
    assert!(rules.trim_start().starts_with('#'), "the first rule has no reason");
    assert!(rules.lines().all(|line| line.trim_start().starts_with(['#', '"'])));
}
