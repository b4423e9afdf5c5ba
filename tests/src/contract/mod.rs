//! The contract as files, generated from what the functions say of themselves: docs/openapi.json, a page for people and a
//! collection for Postman. `make openapi` writes them, and a test says when they are out of date.

mod collection;
mod document;
mod page;

use std::path::{Path, PathBuf};

use penstock_edge::contract::{Contract, Mismatch};

pub use page::style_sha256;

/// A file of the repository and what it should hold.
#[derive(Debug)]
pub struct Generated {
    /// Where it lies.
    pub path: PathBuf,
    /// What the types say now.
    pub text: String,
}

/// All files that are generated.
///
/// # Errors
/// [`Mismatch`] if a function describes other routes than it has.
pub fn generate() -> Result<Vec<Generated>, Mismatch> {
    let mut contract = Contract::default();
    contract.describe(ingest::routes(), ingest::contract::DESCRIPTIONS)?;
    contract.describe(metrics::routes(), metrics::contract::DESCRIPTIONS)?;
    contract.describe(webhook::routes(), webhook::contract::DESCRIPTIONS)?;
    contract.describe(admin::routes(), admin::contract::DESCRIPTIONS)?;
    let document = document::document(&contract);
    let docs = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs");
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
