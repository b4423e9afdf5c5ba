//! docs/OPERATIONS.md and docs/capacity.md say what infra/template.yaml has, and nothing else.

use std::collections::{BTreeMap, BTreeSet};

use penstock_tests::repository::root;
use penstock_tests::template::{Template, short_name};
use serde_json::Value;

fn page(name: &str) -> String {
    std::fs::read_to_string(root().join("docs").join(name)).unwrap()
}

/// The cells of each row of the tables below a heading of the second level.
fn rows(page: &str, heading: &str) -> Vec<Vec<String>> {
    let (_, section) = page.split_once(&format!("\n## {heading}\n")).unwrap();
    let section = section.split("\n## ").next().unwrap();
    let rows = section.lines().filter(|line| line.starts_with('|'));
    let cells = |row: &str| {
        let cells = row.trim_matches('|').split('|').map(|cell| cell.trim().to_owned());
        cells.collect::<Vec<_>>()
    };
    rows.map(cells).collect()
}

/// The words of a text that are set as code.
fn named(text: &str) -> impl Iterator<Item = &str> {
    text.split('`').skip(1).step_by(2)
}

fn number(text: &str) -> i64 {
    text.trim_matches('*').parse().unwrap_or_else(|_| panic!("`{text}` is no number"))
}

/// The default of a parameter as a page writes it; `None` if it is empty, or there is none.
fn default(parameter: &Value) -> Option<String> {
    let default = parameter.get("Default")?;
    let text = default.as_str().map_or_else(|| default.to_string(), str::to_owned);
    (!text.is_empty()).then_some(text)
}

#[test]
fn operations_lists_every_parameter_with_its_default_and_no_other() {
    let (page, template) = (page("OPERATIONS.md"), Template::read());
    let mut listed = BTreeSet::new();
    for row in rows(&page, "Parameters") {
        let names: Vec<&str> = named(&row[0]).collect();
        let defaults: Vec<&str> = row[1].split(", ").collect();
        for (index, name) in names.iter().enumerate() {
            let known = template.parameters().get(*name);
            let known = known.unwrap_or_else(|| panic!("there is no parameter {name}"));
            assert!(listed.insert((*name).to_owned()), "{name} is listed twice");
            if let Some(default) = default(known) {
                let said = if names.len() == 1 { row[1].as_str() } else { defaults[index] };
                assert_eq!(said.trim_matches('`'), default, "the default of {name}");
            }
        }
    }
    for row in rows(&page, "Functions") {
        listed.extend(named(&row[4]).map(str::to_owned));
    }
    let all: BTreeSet<String> = template.parameters().keys().cloned().collect();
    assert_eq!(listed, all);
}

#[test]
fn operations_lists_every_alarm_and_no_other() {
    let page = page("OPERATIONS.md");
    let mut listed = BTreeSet::new();
    for row in rows(&page, "Alarms") {
        listed.extend(named(&row[0]).map(str::to_owned));
    }
    for row in rows(&page, "Functions") {
        listed.extend(named(&row[6]).map(str::to_owned));
    }
    let template = Template::read();
    let alarms = template.resources("AWS::CloudWatch::Alarm");
    assert_eq!(listed, alarms.into_iter().map(|(name, _)| name.to_owned()).collect());
}

#[test]
fn capacity_starts_from_the_reserved_concurrency_of_the_template() {
    let template = Template::read();
    let functions = template.functions().into_iter().map(|(_, function)| {
        (short_name(function), template.number(&function["ReservedConcurrentExecutions"]))
    });
    let reserved: BTreeMap<&str, i64> = functions.collect();
    let rows = rows(&page("capacity.md"), "Connections");
    let (mut seen, mut more) = (0, 0);
    for row in &rows {
        let Some(name) = named(&row[0]).next() else { continue };
        assert_eq!(Some(&number(&row[1])), reserved.get(name), "{name}");
        more += number(&row[2]) - number(&row[1]);
        seen += 1;
    }
    assert!(seen > 3, "only {seen} functions are in the table");
    let sum = rows.iter().find(|row| row[0] == "more connections").unwrap();
    assert_eq!(number(&sum[2]), more);
}
