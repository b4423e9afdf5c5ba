//! The steps of docs/ADDING-A-SOURCE.md outside of Rust, for each source. A forgotten step fails
//! here.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use penstock_domain::fetch_request::{FetchRequest, Mode};
use penstock_domain::source::{SOURCES, Source, Webhook, Windows, variable};
use serde_json::Value;

use penstock_tests::template::{Template, short_name};

fn function<'a>(template: &'a Template, name: &str) -> &'a Value {
    template.functions().into_iter().find(|(_, function)| short_name(function) == name).unwrap().1
}

fn file(path: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)).unwrap()
}

/// (entity, mode) of the rules that call `fetch`, by source.
fn rules(template: &Template) -> BTreeMap<String, BTreeSet<(String, Mode)>> {
    let mut rules = BTreeMap::<_, BTreeSet<_>>::new();
    for (_, event) in function(template, "fetch")["Events"].as_object().unwrap() {
        let Some(input) = event["Properties"]["Input"].as_str() else { continue };
        let request: FetchRequest = serde_json::from_str(input).unwrap();
        rules.entry(request.source).or_default().insert((request.entity, request.mode));
    }
    rules
}

#[test]
fn fetch_is_told_each_sources_secret_and_asks_for_what_changes_in_it() {
    let template = Template::read();
    let (variables, rules) = (template.variables(function(&template, "fetch")), rules(&template));
    for source in SOURCES {
        let secret = variable(*source, "SECRET_ARN");
        // `permissions.rs` checks that `fetch` may read the secret, and nothing else.
        assert!(
            variables.get(&secret).is_some_and(|value| value["Ref"].is_string()),
            "FetchFunction has no {secret}"
        );
        let asked = rules.get(source.name()).cloned().unwrap_or_default();
        for entity in source.entities(Mode::Incremental) {
            let wanted = ((*entity).to_owned(), Mode::Incremental);
            assert!(
                asked.contains(&wanted),
                "no rule asks for what changes in {} {entity}",
                source.name()
            );
        }
        let pushes = asked.iter().any(|(_, mode)| *mode == Mode::Watch);
        assert_eq!(
            pushes,
            matches!(source.webhook(), Some(Webhook::Notified(_))),
            "{}: a rule that renews its channels",
            source.name()
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
        assert!(
            variables.get(&secret).is_some_and(|value| value["Ref"].is_string()),
            "WebhookFunction has no {secret}"
        );
    }
}

#[test]
fn the_templates_defaults_are_those_that_the_vendors_folders_say() {
    let template = Template::read();
    let variables = template.variables(function(&template, "fetch"));
    let mut compared = 0;
    for source in SOURCES {
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
            let name = variable(*source, ending);
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
    let all: Vec<&str> = SOURCES.iter().map(|source| source.name()).collect();
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
