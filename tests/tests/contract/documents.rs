//! docs/openapi.json and the collection: generated, committed, served.

use std::collections::BTreeSet;
use std::path::Path;

use metrics::{MetricsConfig, Ports};
use penstock_clients::clock::SystemClock;
use penstock_domain::clock::Clock as _;
use penstock_edge::http::{Reply, Request, Service as _};
use penstock_store::admission::Admission;
use penstock_testkit::TestDatabase;
use penstock_tests::contract::generate;
use serde_json::{Value, json};

fn committed(name: &str) -> String {
    std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs").join(name))
        .unwrap()
}

pub fn document() -> Value {
    serde_json::from_str(&committed("openapi.json")).unwrap()
}

#[test]
fn the_committed_files_are_what_the_types_say_now() {
    for file in generate().unwrap() {
        let kept = std::fs::read_to_string(&file.path).unwrap();
        assert!(kept == file.text, "{} is out of date: run `make generate`", file.path.display());
    }
}

#[test]
fn it_describes_every_path_of_the_template_and_no_other() {
    let described: BTreeSet<String> =
        document()["paths"].as_object().unwrap().keys().cloned().collect();
    let template = std::fs::read_to_string(
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../infra/template.yaml"),
    )
    .unwrap();
    let routes = template
        .lines()
        .filter_map(|line| line.split_once("Method: ANY, Path: ")?.1.strip_suffix('}'));
    assert_eq!(described, routes.map(|path| path.trim_matches('"').to_owned()).collect());
}

#[test]
fn every_reference_leads_somewhere_and_every_operation_has_a_name_of_its_own() {
    let document = document();
    let mut open = vec![&document];
    while let Some(value) = open.pop() {
        if let Some(reference) = value["$ref"].as_str() {
            assert!(
                document.pointer(reference.strip_prefix('#').unwrap()).is_some(),
                "{reference}"
            );
        }
        open.extend(value.as_array().into_iter().flatten());
        open.extend(value.as_object().into_iter().flatten().map(|(_, value)| value));
    }
    let mut ids = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            assert!(ids.insert(operation["operationId"].as_str().unwrap()), "{method} {path}");
        }
    }
}

async fn get(path: &str, method: &str, headers: Value) -> Reply {
    let database = TestDatabase::new().await;
    let ports = Ports {
        database: database.database_of("metrics", 1),
        admission: Admission::new(database.database_of("metrics", 1), 100),
        config: MetricsConfig::from_env(&std::iter::empty::<(String, String)>().collect()).unwrap(),
        clock: SystemClock,
        started: SystemClock.now(),
    };
    let event = json!({"rawPath": path, "headers": headers, "requestContext": {"http": {"method": method}}});
    let request: Request = serde_json::from_value(event).unwrap();
    ports.handle(&request, "invocation").await
}

#[tokio::test]
async fn it_is_served_without_a_key_and_again_only_where_it_has_changed() {
    for (path, name, media_type) in [
        ("/openapi.json", "openapi.json", "application/json"),
        ("/api-docs.json", "openapi.json", "application/json"),
    ] {
        let reply = get(path, "GET", json!({})).await;
        assert_eq!(
            (reply.status_code, reply.headers["content-type"].to_str().unwrap()),
            (200, media_type)
        );
        assert!(reply.text() == committed(name), "{path} is not docs/{name}");
        assert_eq!(reply.headers["cache-control"], "public, max-age=300");
        assert_eq!(reply.headers["x-request-id"], "invocation");
        let policy = reply.headers["content-security-policy"].to_str().unwrap();
        assert!(policy.starts_with("default-src 'none'"), "{policy}");
        let tag = reply.headers["etag"].to_str().unwrap();
        for known in [tag.to_owned(), format!("\"other\", W/{tag}")] {
            let again = get(path, "GET", json!({"If-None-Match": known})).await;
            assert_eq!((again.status_code, again.text()), (304, ""));
            assert_eq!(again.headers["etag"], tag);
        }
        assert_eq!(get(path, "GET", json!({"If-None-Match": "\"other\""})).await.status_code, 200);
        assert_eq!(get(path, "POST", json!({})).await.status_code, 405);
    }
}
