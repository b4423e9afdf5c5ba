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
