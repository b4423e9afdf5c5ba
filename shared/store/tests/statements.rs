//! tokio-postgres checks no SQL at compile time, so this does.
#![allow(clippy::unwrap_used, clippy::panic, reason = "test code")]

use std::collections::BTreeSet;
use std::fs;
use std::path::PathBuf;

use penstock_store::{Sql, all_statements};
use penstock_testkit::TestDatabase;

/// The highest `$n` of the text; Postgres itself does not mind a type too many.
fn highest_parameter(text: &str) -> usize {
    let number =
        |after: &str| after.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().ok();
    text.split('$').skip(1).filter_map(number).max().unwrap_or(0)
}

#[tokio::test]
async fn every_statement_prepares_against_the_migrated_schema() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    assert!(!all_statements().is_empty());
    let mut failures = Vec::new();
    for Sql { name, text, types } in all_statements() {
        match client.prepare_typed(text, types).await {
            // More than was declared: the rest was inferred, and would be sent without a type.
            Ok(prepared) if prepared.params() != *types => {
                failures.push(format!(
                    "{name}: declares {types:?}, Postgres takes {:?}",
                    prepared.params()
                ));
            }
            Ok(_) if highest_parameter(text) != types.len() => {
                failures.push(format!(
                    "{name}: {} types, ${} is the last used",
                    types.len(),
                    highest_parameter(text)
                ));
            }
            Ok(_) => {}
            Err(e) => failures.push(format!(
                "{name}: {}",
                e.as_db_error().map_or(e.to_string(), ToString::to_string)
            )),
        }
    }
    assert!(failures.is_empty(), "{}", failures.join("\n"));
}

/// The statements that were found in `sql/<table>/<verb>.sql`, as `<table>.<verb>`.
fn statements_in_files() -> BTreeSet<String> {
    let tables = fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/sql")).unwrap();
    let files = tables.flat_map(|table| fs::read_dir(table.unwrap().path()).unwrap());
    let name = |path: PathBuf| {
        let verb = path.file_stem().unwrap().to_str().unwrap().to_owned();
        let table = path.parent().unwrap().file_name().unwrap().to_str().unwrap().to_owned();
        format!("{table}.{verb}")
    };
    files.map(|file| name(file.unwrap().path())).collect()
}

#[test]
fn every_sql_file_is_a_listed_statement_and_every_listed_statement_an_sql_file() {
    let mut files = statements_in_files();
    // Several commands in one text, which cannot be prepared; the tests of migrations run it.
    assert!(files.remove("migration_lock.create"));
    let listed = all_statements().iter().map(|sql| sql.name.to_owned()).collect();
    assert_eq!(files, listed);
}

#[test]
fn every_sql_file_begins_with_a_comment() {
    for name in statements_in_files() {
        let path = format!("{}/sql/{}.sql", env!("CARGO_MANIFEST_DIR"), name.replace('.', "/"));
        assert!(fs::read_to_string(&path).unwrap().starts_with("-- "), "{path}");
    }
}

#[test]
fn every_statement_has_a_name_of_its_own_after_its_module() {
    let mut seen = BTreeSet::new();
    for Sql { name, .. } in all_statements() {
        assert!(seen.insert(name), "{name} is there twice");
        assert!(
            name.split_once('.').is_some_and(|(table, verb)| !table.is_empty() && !verb.is_empty()),
            "{name}"
        );
    }
}
