//! tokio-postgres checks no SQL at compile time, so this does.

use std::collections::{BTreeMap, BTreeSet};
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

/// The files `<table>/<verb>.sql` of the crate, by the name `<table>.<verb>`.
fn sql_files() -> BTreeMap<String, PathBuf> {
    let directories = ["/sql", "/src/facts"].map(|at| env!("CARGO_MANIFEST_DIR").to_owned() + at);
    let entries = |of: PathBuf| fs::read_dir(of).unwrap().map(|entry| entry.unwrap().path());
    let tables = directories.into_iter().flat_map(|at| entries(at.into())).filter(|at| at.is_dir());
    let files = tables.flat_map(entries).filter(|at| at.extension().is_some_and(|e| e == "sql"));
    let named = |file: PathBuf| {
        let verb = file.file_stem().unwrap().to_str().unwrap();
        let table = file.parent().unwrap().file_name().unwrap().to_str().unwrap();
        (format!("{table}.{verb}"), file)
    };
    files.map(named).collect()
}

#[test]
fn every_sql_file_is_a_listed_statement_and_every_listed_statement_an_sql_file() {
    let mut files = sql_files();
    // Commands, which cannot be prepared. The tests of migrations and of roles run them.
    for commands in ["migration_lock.create", "migration_lock.unhurried", "roles.grants"] {
        assert!(files.remove(commands).is_some(), "{commands}");
    }
    let files: BTreeSet<String> = files.into_keys().collect();
    let listed = all_statements().iter().map(|sql| sql.name.to_owned()).collect();
    assert_eq!(files, listed);
}

#[test]
fn every_sql_file_begins_with_a_comment() {
    for (name, file) in sql_files() {
        assert!(fs::read_to_string(&file).unwrap().starts_with("-- "), "{name}");
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
