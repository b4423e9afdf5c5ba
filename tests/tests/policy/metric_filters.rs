//! Each metric filter of the template counts a log line that some code writes.

use std::fs::read_to_string;

use penstock_tests::repository::root;
use penstock_tests::template::{Template, short_name, target};
use serde_json::Value;

use crate::files::rust_files;

/// The calls of `tracing` that write `event`, each as its text.
fn calls(sources: &[String], event: &str) -> Vec<String> {
    let named = format!("event = \"{event}\"");
    let begun = sources.iter().flat_map(|source| source.split("tracing::").skip(1));
    let calls = begun.filter_map(|text| text.split([';', ')']).next());
    calls.filter(|call| call.contains(&named)).map(str::to_owned).collect()
}

/// The fields of the log line that `filter` reads.
fn fields(filter: &Value) -> Vec<String> {
    let text = filter.to_string();
    let field = |rest: &str| {
        rest.chars().take_while(|c| c.is_ascii_alphanumeric() || *c == '_').collect::<String>()
    };
    text.split("$.").skip(1).map(field).collect()
}

fn is_word(text: &str, word: &str) -> bool {
    text.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').any(|found| found == word)
}

/// The code that may write to a log group: the function's own, and what functions share.
fn writers(template: &Template, log_group: &str) -> Vec<String> {
    let functions = template.functions().into_iter().map(|(_, function)| function);
    let mut of_group = functions
        .filter(|function| target(&function["LoggingConfig"]["LogGroup"]) == log_group)
        .map(short_name);
    let function = of_group.next().unwrap_or_else(|| panic!("{log_group} is no function's"));
    let folders = [root().join("functions").join(function), root().join("shared")];
    let files = folders.iter().flat_map(|folder| rust_files(folder));
    let product = files.filter(|path| !path.iter().any(|part| part == "tests"));
    product.map(|path| read_to_string(path).unwrap()).collect()
}

#[test]
fn each_metric_filter_reads_an_event_that_its_function_writes_and_fields_that_it_has() {
    let template = Template::read();
    let filters = template.resources("AWS::Logs::MetricFilter");
    let mut checked = 0;
    for (name, filter) in filters {
        let sources = writers(&template, target(&filter["LogGroupName"]));
        let pattern = filter["FilterPattern"].as_str().unwrap();
        let (_, event) = pattern.split_once("$.event = \"").unwrap();
        let event = event.split('"').next().unwrap();
        let calls = calls(&sources, event);
        assert!(!calls.is_empty(), "{name}: no code writes the event {event}");
        for field in fields(filter) {
            let has = calls.iter().any(|call| is_word(call, &field));
            assert!(has, "{name}: the event {event} has no field {field}: {calls:?}");
        }
        checked += 1;
    }
    assert!(checked >= 8, "{checked} filters");
}
