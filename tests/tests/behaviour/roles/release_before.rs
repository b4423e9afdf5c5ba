//! The SQL of the release before, on the schema of this one: a deployment updates the functions and
//! the schema one after the other, and old environments live on for minutes (docs/MIGRATIONS.md).
//!
//! `release_before.json` has its statements. `make statements` writes those of this release.

use std::collections::BTreeMap;
use std::path::PathBuf;

use penstock_edge::config;
use penstock_store::{Sql, all_statements};
use penstock_testkit::TestDatabase;
use penstock_tests::repository::root;
use serde::{Deserialize, Serialize};

use super::statements::{STATEMENTS, explain, is_named};

/// A statement as it is sent, and the functions that send it.
#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Kept {
    functions: Vec<String>,
    types: Vec<String>,
    text: String,
}

/// By name.
type Release = BTreeMap<String, Kept>;

/// Statements that this schema takes no more, each with the reason why nothing is lost meanwhile.
const GIVEN_UP: &[(&str, &str)] = &[];

fn file() -> PathBuf {
    root().join("tests/tests/behaviour/roles/release_before.json")
}

/// The statements of this release. Those of the owner are left out: `migrate` is updated before it
/// runs.
fn this_release() -> Release {
    let kept = |Sql { name, text, types }: &Sql| {
        let of = STATEMENTS.iter().filter(|(_, names)| is_named(name, names));
        let functions: Vec<String> = of.map(|(function, _)| (*function).to_owned()).collect();
        let types = types.iter().map(|of_type| of_type.name().to_owned()).collect();
        let kept = Kept { functions, types, text: (*text).to_owned() };
        (!kept.functions.is_empty()).then(|| ((*name).to_owned(), kept))
    };
    all_statements().into_iter().filter_map(kept).collect()
}

#[test]
fn the_statements_of_this_release_are_kept_for_the_next_one_when_that_is_asked_for() {
    let mine = this_release();
    let text = serde_json::to_string_pretty(&mine).unwrap() + "\n";
    assert_eq!(serde_json::from_str::<Release>(&text).unwrap(), mine);
    if config::from_process().given("PENSTOCK_KEEP_STATEMENTS") == Some("1") {
        std::fs::write(file(), text).unwrap();
    }
}

#[tokio::test]
async fn each_function_of_the_release_before_may_say_all_that_it_says_on_this_schema() {
    let release: Release = serde_json::from_str(&std::fs::read_to_string(file()).unwrap()).unwrap();
    let database = TestDatabase::new().await;
    let mut failures = Vec::new();
    for (function, _) in STATEMENTS {
        let client = database.database_of(function, 1).connection().await.unwrap();
        let of_it =
            release.iter().filter(|(_, kept)| kept.functions.iter().any(|of| of == function));
        for (name, kept) in of_it {
            client.batch_execute("deallocate all").await.unwrap();
            let types: Vec<&str> = kept.types.iter().map(String::as_str).collect();
            let mut refused = None;
            for command in explain(&kept.text, &types) {
                if let Err(error) = client.batch_execute(&command).await {
                    refused =
                        Some(error.as_db_error().map_or(error.to_string(), ToString::to_string));
                    break;
                }
            }
            let is_given_up = GIVEN_UP.iter().any(|(given_up, _)| given_up == name);
            match refused {
                Some(why) if !is_given_up => failures.push(format!("{function}: {name}: {why}")),
                None if is_given_up => failures.push(format!("{name} is given up for nothing")),
                _ => {}
            }
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}
