//! The steps of docs/ADDING-A-SOURCE.md outside of Rust, for each source. A forgotten step fails
//! here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use penstock_domain::fetch_request::Mode;
use penstock_domain::source::{SOURCES, Source, Windows, variable};
use serde_json::Value;

use penstock_tests::repository::root;
use penstock_tests::template::{Template, short_name};

fn function<'a>(template: &'a Template, name: &str) -> &'a Value {
    template.functions().into_iter().find(|(_, function)| short_name(function) == name).unwrap().1
}

fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// The sources of which the template can declare a connection: they have a file. Each connection of
/// the others is made while the system runs.
fn declared() -> Vec<&'static dyn Source> {
    let has_file = |source: &&dyn Source| {
        root().join(format!("infra/template/sources/{}.yaml", source.name())).exists()
    };
    let declared: Vec<_> = SOURCES.iter().copied().filter(has_file).collect();
    assert!(declared.len() > 2, "only {} sources have a file", declared.len());
    declared
}

#[test]
fn fetch_is_told_the_secret_of_each_source_that_the_template_declares() {
    let template = Template::read();
    let variables = template.variables(function(&template, "fetch"));
    for source in declared() {
        let secret = variable(source, "SECRET_ARN");
        // `permissions.rs` checks that `fetch` may read the secret, and nothing else.
        assert!(
            variables.get(&secret).is_some_and(|value| value["Ref"].is_string()),
            "FetchFunction has no {secret}"
        );
    }
}

#[test]
fn each_source_that_pushes_has_its_route_and_webhook_is_told_its_secret() {
    let template = Template::read();
    let webhook = function(&template, "webhook");
    let variables = template.variables(webhook);
    let events = webhook["Events"].as_object().unwrap().values();
    let paths: BTreeSet<_> =
        events.filter_map(|event| event["Properties"]["Path"].as_str()).collect();
    for source in SOURCES {
        let path = format!("/webhooks/{}", source.name());
        let Some(webhook) = source.webhook() else {
            assert!(!paths.contains(path.as_str()), "{path} leads nowhere");
            continue;
        };
        assert!(paths.contains(path.as_str()), "WebhookFunction has no {path}");
        let secret = format!("{}_ARN", variable(*source, webhook.secret_variable()));
        let is_told = variables.get(&secret).is_some_and(|value| value["Ref"].is_string());
        assert!(
            is_told || declared().iter().all(|it| it.name() != source.name()),
            "WebhookFunction has no {secret}"
        );
    }
}

#[test]
fn the_templates_defaults_are_those_that_the_vendors_folders_say() {
    let template = Template::read();
    let variables = template.variables(function(&template, "fetch"));
    let mut compared = 0;
    for source in declared() {
        let access = source.access();
        let (page_size, rate) = (access.page_size, access.rate_per_second);
        let mut said = vec![
            ("BASE_URL", access.base_url.to_owned()),
            ("PAGE_SIZE", page_size.to_string()),
            ("RATE_PER_SECOND", rate.to_string()),
        ];
        if let Some(Windows { days, side_by_side }) = access.windows {
            said.extend([
                ("WINDOW_DAYS", days.to_string()),
                ("CONCURRENCY", side_by_side.to_string()),
            ]);
        }
        said.extend(access.headers.iter().map(|it| (it.variable, it.value.to_owned())));
        for (ending, value) in said {
            let name = variable(source, ending);
            let parameter =
                variables.get(&name).unwrap_or_else(|| panic!("FetchFunction has no {name}"));
            assert_eq!(template.text(parameter), Some(value), "{name}");
            compared += 1;
        }
    }
    assert!(compared > 10, "only {compared} were compared");
}

#[test]
fn admin_metrics_and_relay_are_told_each_source() {
    let template = Template::read();
    // A word, or `!If [HasHubSpot, hubspot, nothing]`.
    let word =
        |item: &Value| item.as_str().or_else(|| item["Fn::If"][1].as_str()).unwrap().to_owned();
    let all: Vec<&str> = declared().iter().map(|source| source.name()).collect();
    for name in ["admin", "metrics", "relay"] {
        let list = &template.variables(function(&template, name))["SOURCES"]["Fn::Join"][1];
        let listed: Vec<String> = list.as_array().unwrap().iter().map(word).collect();
        assert_eq!(listed, all, "{name}");
    }
}

#[test]
fn what_a_deployment_says_of_a_source_stands_in_the_example_of_an_environment() {
    let template = Template::read();
    let example = file(".env.example");
    let known = |name: &str| {
        example.lines().any(|line| line.trim_start_matches('#').starts_with(&format!("{name}=")))
    };
    let mut seen = 0;
    for (_, function) in template.functions() {
        for name in template.variables(function).keys() {
            if SOURCES.iter().any(|source| name.starts_with(&variable(*source, ""))) {
                assert!(known(name), ".env.example does not say {name}");
                seen += 1;
            }
        }
    }
    assert!(seen > 20, "only {seen} variables were found");
}

#[test]
fn make_reconcile_knows_what_can_be_compared_of_each_source() {
    let script = file("infra/reconcile.py");
    let line = script.lines().find_map(|line| line.strip_prefix("ENTITIES = ")).unwrap();
    let known: BTreeMap<String, Vec<String>> = serde_json::from_str(line).unwrap();
    let entities = |source: &dyn Source| {
        source
            .entities(Mode::Reconcile)
            .iter()
            .map(|entity| (*entity).to_owned())
            .collect::<Vec<_>>()
    };
    let wanted = SOURCES.iter().map(|source| (source.name().to_owned(), entities(*source)));
    assert_eq!(known, wanted.filter(|(_, entities)| !entities.is_empty()).collect());
}
