//! The contract as files: docs/openapi.json, a page for people and a collection for Postman.
//!
//! They are generated from the functions' descriptions of their routes. `make generate` writes
//! them, and a test fails if one is out of date.

mod collection;
mod document;
mod page;

use std::collections::BTreeMap;

use penstock_edge::contract::Contract;

use crate::generated::Generated;
use crate::repository::root;

pub use page::style_sha256;

/// Adds the operations of one function to the contract.
type Describe = fn(&mut Contract);

/// The functions that answer HTTP, in the order of the document.
const HTTP: [(&str, Describe); 4] = [
    ("ingest", ingest::contract::describe),
    ("metrics", metrics::contract::describe),
    ("webhook", webhook::contract::describe),
    ("admin", admin::contract::describe),
];

/// One route of a function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// The method, in lower case.
    pub method: &'static str,
    /// The path, such as `/runs/{runId}`.
    pub path: String,
}

/// Returns the routes of each function that answers HTTP.
#[must_use]
pub fn routes() -> BTreeMap<String, Vec<Route>> {
    let of = |describe: Describe| {
        let mut contract = Contract::default();
        describe(&mut contract);
        let operations = contract.operations().iter();
        operations.map(|it| Route { method: it.method, path: it.path.to_string() }).collect()
    };
    HTTP.iter().map(|(name, describe)| ((*name).to_owned(), of(*describe))).collect()
}

/// Generates the files of the contract.
#[must_use]
pub fn generate() -> Vec<Generated> {
    let mut contract = Contract::default();
    for (_, describe) in HTTP {
        describe(&mut contract);
    }
    let document = document::document(&contract);
    let docs = root().join("docs");
    let file = |name: &str, text: String| Generated { path: docs.join(name), text };
    vec![
        file("openapi.json", pretty(&document)),
        file("api.html", page::page(&document)),
        file("penstock.postman_collection.json", pretty(&collection::collection(&document))),
    ]
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}
