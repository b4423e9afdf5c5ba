//! The contract as files: docs/openapi.json and a collection for Postman.
//!
//! They are generated from the functions' descriptions of their routes. `make generate` writes
//! them, and a test fails if one is out of date.

mod collection;
mod document;
mod operations;

use std::collections::BTreeMap;

use penstock_edge::contract::{Contract, Mismatch};
use penstock_edge::http::RouteInfo;

use crate::generated::Generated;
use crate::repository::root;

/// A function that answers HTTP: its name, its route table, and what adds it to the contract.
type HttpFunction = (&'static str, fn() -> Vec<RouteInfo>, Describe);

/// Adds the operations of one function to the contract.
type Describe = fn(&mut Contract) -> Result<(), Mismatch>;

/// The functions that answer HTTP, in the order of the document.
const HTTP: [HttpFunction; 7] = [
    ("ingest", || ingest::contract::routes().collect(), ingest::contract::describe),
    ("metrics", || metrics::contract::routes().collect(), metrics::contract::describe),
    ("transact", || transact::contract::routes().collect(), transact::contract::describe),
    ("webhook", || webhook::contract::routes().collect(), webhook::contract::describe),
    ("admin", || admin::contract::routes().collect(), admin::contract::describe),
    ("accounts", || accounts::contract::routes().collect(), accounts::contract::describe),
    ("console", || console::contract::routes().collect(), console::contract::describe),
];

/// Returns the routes of each function that answers HTTP.
#[must_use]
pub fn routes() -> BTreeMap<String, Vec<RouteInfo>> {
    HTTP.iter().map(|(name, routes, _)| ((*name).to_owned(), routes())).collect()
}

/// Generates the files of the contract.
///
/// # Errors
///
/// [`Mismatch`] if a function describes other routes than it has.
pub fn generate() -> Result<Vec<Generated>, Mismatch> {
    let mut contract = Contract::default();
    for (_, _, describe) in HTTP {
        describe(&mut contract)?;
    }
    let document = document::document(&contract);
    let docs = root().join("docs");
    let file = |name: &str, text: String| Generated { path: docs.join(name), text };
    Ok(vec![
        file("openapi.json", pretty(&document)),
        file("penstock.postman_collection.json", pretty(&collection::collection(&document))),
    ])
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}
