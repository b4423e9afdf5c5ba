//! The rules of the usual linters of OpenAPI documents, as far as they are about the reader.

use std::collections::BTreeSet;

use serde_json::Value;

use crate::documents::document;

/// The operations with their path and method.
fn operations(document: &Value) -> Vec<(String, &Value)> {
    document["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| {
            let methods = item.as_object().unwrap().iter();
            methods.map(move |(method, operation)| (format!("{method} {path}"), operation))
        })
        .collect()
}

/// The value, or the component that it refers to.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    match value["$ref"].as_str() {
        Some(reference) => document.pointer(reference.strip_prefix('#').unwrap()).unwrap(),
        None => value,
    }
}

fn is_sentence(text: &Value) -> bool {
    text.as_str().is_some_and(|text| {
        text.starts_with(|c: char| c.is_uppercase() || c == '`')
            && text.trim_end().ends_with(['.', '!', '?', ':'])
    })
}

#[test]
fn every_operation_has_a_name_a_declared_tag_and_a_summary() {
    let document = document();
    let tags: BTreeSet<&str> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| tag["name"].as_str().unwrap())
        .collect();
    let mut used = BTreeSet::new();
    for (place, operation) in operations(&document) {
        let id = operation["operationId"].as_str().unwrap();
        let is_camel = id.starts_with(char::is_lowercase) && id.chars().all(char::is_alphanumeric);
        assert!(is_camel, "{place}: {id}");
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(!summary.is_empty() && !summary.ends_with('.'), "{place}: {summary:?}");
        for tag in operation["tags"].as_array().unwrap() {
            assert!(tags.contains(tag.as_str().unwrap()), "{place}: {tag} is not declared");
            used.insert(tag.as_str().unwrap());
        }
    }
    assert_eq!(used, tags, "a tag without operations");
    assert!(
        document["tags"].as_array().unwrap().iter().all(|tag| is_sentence(&tag["description"]))
    );
}

#[test]
fn every_parameter_is_described_and_the_parameters_of_a_path_are_those_in_its_braces() {
    let document = document();
    for (place, operation) in operations(&document) {
        let mut in_path = BTreeSet::new();
        for parameter in operation["parameters"].as_array().unwrap() {
            let parameter = resolved(&document, parameter);
            let name = parameter["name"].as_str().unwrap();
            assert!(is_sentence(&parameter["description"]), "{place}: {name}");
            assert!(parameter["schema"].is_object(), "{place}: {name} has no schema");
            if parameter["in"] == "path" {
                assert!(parameter["required"] == true && in_path.insert(name), "{place}: {name}");
            }
        }
        let braces: BTreeSet<&str> =
            place.split('{').skip(1).map(|rest| rest.split('}').next().unwrap()).collect();
        assert_eq!(in_path, braces, "{place}");
    }
}

#[test]
fn every_reply_is_described_and_says_its_request_id_and_every_route_says_how_it_refuses() {
    let document = document();
    for (place, operation) in operations(&document) {
        let replies = operation["responses"].as_object().unwrap();
        assert!(replies.keys().any(|status| status.starts_with('2')), "{place}: no success");
        let mut refusals = vec!["400", "405", "500"];
        let security = operation["security"].as_array().unwrap();
        match security.iter().any(|scheme| scheme.get("session").is_some()) {
            true => refusals.extend(["401", "403"]),
            false if security.is_empty() => {}
            false => refusals.extend(["401", "429"]),
        }
        for status in refusals {
            assert!(replies.contains_key(status), "{place}: no {status}");
        }
        for (status, reply) in replies {
            let reply = resolved(&document, reply);
            assert!(
                is_sentence(&reply["description"]),
                "{place} {status}: {}",
                reply["description"]
            );
            assert!(reply["headers"]["x-request-id"].is_object(), "{place} {status}");
            for (media_type, content) in reply["content"].as_object().into_iter().flatten() {
                assert!(content["schema"].is_object(), "{place} {status}: no schema");
                // The 503 of `/readyz` says what is away, and is no problem by RFC 9457.
                let refuses = status.starts_with(['4', '5']) && !place.ends_with("/readyz");
                let is_problem = media_type == "application/problem+json";
                assert!(is_problem || !refuses, "{place} {status}: {media_type}");
            }
        }
    }
}

#[test]
fn every_body_has_an_example_and_every_schema_that_is_named_is_used() {
    let document = document();
    for (place, operation) in operations(&document) {
        for (media_type, content) in
            operation["requestBody"]["content"].as_object().into_iter().flatten()
        {
            assert!(
                content["schema"].is_object() && !content["example"].is_null(),
                "{place}: {media_type}"
            );
        }
    }
    let text = document.to_string();
    for (kind, components) in document["components"].as_object().unwrap() {
        for name in components.as_object().unwrap().keys().filter(|_| kind != "securitySchemes") {
            let reference = format!("\"#/components/{kind}/{name}\"");
            assert!(text.contains(&reference), "{kind} {name} is not used");
        }
    }
}
