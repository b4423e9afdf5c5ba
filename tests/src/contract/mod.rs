//! The contract as files, generated from what the functions say of themselves: docs/openapi.json, a page for people and a
//! collection for Postman. `make generate` writes them, and a test says when they are out of date.

mod collection;
mod document;
mod page;

use std::collections::BTreeMap;

use penstock_edge::contract::{Contract, Descriptions, Mismatch};
use penstock_edge::http::Endpoint;

use crate::generated::Generated;
use crate::repository::root;

pub use page::style_sha256;

/// A function that answers HTTP: its name, its route table, and what it says of each route.
type HttpFunction = (&'static str, fn() -> Endpoints, Descriptions);

/// The routes of a function.
type Endpoints = Box<dyn Iterator<Item = &'static Endpoint>>;

/// The functions that answer HTTP, in the order of the document.
const HTTP: [HttpFunction; 4] = [
    ("ingest", || Box::new(ingest::routes()), ingest::contract::DESCRIPTIONS),
    ("metrics", || Box::new(metrics::routes()), metrics::contract::DESCRIPTIONS),
    ("webhook", || Box::new(webhook::routes()), webhook::contract::DESCRIPTIONS),
    ("admin", || Box::new(admin::routes()), admin::contract::DESCRIPTIONS),
];

/// The routes of each function that answers HTTP.
#[must_use]
pub fn routes() -> BTreeMap<String, Vec<&'static Endpoint>> {
    let of = |(name, endpoints, _): &HttpFunction| ((*name).to_owned(), endpoints().collect());
    HTTP.iter().map(of).collect()
}

/// The files of the contract.
///
/// # Errors
/// [`Mismatch`] if a function describes other routes than it has.
pub fn generate() -> Result<Vec<Generated>, Mismatch> {
    let mut contract = Contract::default();
    for (_, endpoints, descriptions) in HTTP {
        contract.describe(endpoints(), descriptions)?;
    }
    let document = document::document(&contract);
    let docs = root().join("docs");
    let file = |name: &str, text: String| Generated { path: docs.join(name), text };
    Ok(vec![
        file("openapi.json", pretty(&document)),
        file("api.html", page::page(&document)),
        file("penstock.postman_collection.json", pretty(&collection::collection(&document))),
    ])
}

fn pretty(value: &serde_json::Value) -> String {
    format!("{value:#}\n")
}
