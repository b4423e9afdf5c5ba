//! The allowed dependencies between crates (docs/ARCHITECTURE.md, Crates).

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::Command;

use penstock_tests::repository::{functions, package_of, root};
use serde_json::Value;

use crate::files::rust_files;

/// Prefixes of crate names that the pure crate must not reach: runtimes, sockets, TLS, AWS,
/// Postgres, HTTP clients.
const IMPURE: [&str; 16] = [
    "async-std",
    "aws-",
    "aws_",
    "deadpool",
    "h2",
    "hyper",
    "lambda_",
    "mio",
    "postgres",
    "refinery",
    "reqwest",
    "rustls",
    "smol",
    "socket2",
    "tokio",
    "ureq",
];

/// A crate of the graph.
pub struct Package {
    pub name: String,
    pub licence: String,
    /// `None` for a crate of the workspace.
    pub source: Option<String>,
    /// The crate's dependencies, and whether only its tests use them.
    dependencies: Vec<(String, bool)>,
    /// The ids of its dependencies at run time.
    needs: Vec<String>,
}

/// All crates that Cargo.lock brings to Linux, where the functions run and are built.
pub struct Graph(BTreeMap<String, Package>);

impl Graph {
    pub fn load() -> Self {
        let targets = ["aarch64-unknown-linux-gnu", "x86_64-unknown-linux-gnu"];
        let mut cargo = Command::new(env!("CARGO"));
        cargo.current_dir(root()).args(["metadata", "--locked", "--format-version", "1"]);
        let output =
            cargo.args(targets.iter().flat_map(|t| ["--filter-platform", t])).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let metadata: Value = serde_json::from_slice(&output.stdout).unwrap();
        let mut all: BTreeMap<&str, &Value> = BTreeMap::new();
        all.extend(
            metadata["packages"].as_array().unwrap().iter().map(|p| (p["id"].as_str().unwrap(), p)),
        );
        let nodes = metadata["resolve"]["nodes"].as_array().unwrap().iter();
        let named = nodes.map(|node| (node["id"].as_str().unwrap(), node));
        Self(named.map(|(id, node)| entry(id, all[id], node)).collect())
    }

    pub fn packages(&self) -> impl Iterator<Item = &Package> {
        self.0.values()
    }

    fn find(&self, name: &str) -> (&String, &Package) {
        self.0
            .iter()
            .find(|(_, p)| p.name == name)
            .unwrap_or_else(|| panic!("there is no crate {name}"))
    }

    /// Returns the names of all crates that a crate needs at run time, itself included.
    fn closure(&self, name: &str) -> BTreeSet<&str> {
        let (mut found, mut open) = (BTreeSet::new(), vec![self.find(name).0]);
        while let Some(id) = open.pop() {
            if found.insert(id) {
                open.extend(&self.0[id].needs);
            }
        }
        found.into_iter().map(|id| self.0[id].name.as_str()).collect()
    }
}

/// The packages of the functions.
fn packages() -> Vec<String> {
    functions().iter().map(|function| package_of(function)).collect()
}

fn entry(id: &str, package: &Value, node: &Value) -> (String, Package) {
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let dependency = |d: &Value| (text(&d["name"]).unwrap(), d["kind"] == "dev");
    let runs =
        |d: &&Value| d["dep_kinds"].as_array().unwrap().iter().any(|kind| kind["kind"].is_null());
    let needs =
        node["deps"].as_array().unwrap().iter().filter(runs).map(|d| text(&d["pkg"]).unwrap());
    let package = Package {
        name: text(&package["name"]).unwrap(),
        licence: text(&package["license"]).unwrap_or_else(|| panic!("{id} names no licence")),
        source: text(&package["source"]),
        dependencies: package["dependencies"].as_array().unwrap().iter().map(dependency).collect(),
        needs: needs.collect(),
    };
    (id.to_owned(), package)
}

#[test]
fn the_domain_is_pure_it_reaches_no_runtime_socket_database_or_cloud() {
    let graph = Graph::load();
    let reached = graph.closure("penstock-domain");
    assert!(reached.contains("jiff"), "the graph is not what it should be: {reached:?}");
    let impure: Vec<_> =
        reached.iter().filter(|name| IMPURE.iter().any(|start| name.starts_with(start))).collect();
    assert!(impure.is_empty(), "shared/domain reaches {impure:?}");
}

#[test]
fn the_shared_crates_depend_on_each_other_as_the_architecture_says() {
    let graph = Graph::load();
    for (name, may) in [
        ("penstock-domain", &[][..]),
        ("penstock-store", &["penstock-domain"]),
        ("penstock-telemetry", &["penstock-domain"]),
        ("penstock-clients", &["penstock-domain", "penstock-store", "penstock-telemetry"]),
        ("penstock-edge", &["penstock-domain", "penstock-telemetry"]),
    ] {
        let ours = graph.find(name).1.dependencies.iter();
        let ours = ours.filter(|(d, for_tests)| d.starts_with("penstock-") && !for_tests);
        let too_many: Vec<_> =
            ours.map(|(d, _)| d).filter(|d| !may.contains(&d.as_str())).collect();
        assert!(too_many.is_empty(), "{name} depends on {too_many:?}");
    }
}

#[test]
fn no_function_depends_on_another() {
    let graph = Graph::load();
    let functions = packages();
    for function in &functions {
        let reached = graph.closure(function).into_iter().filter(|name| name != function);
        let others: Vec<_> = reached.filter(|name| functions.iter().any(|it| it == name)).collect();
        assert!(others.is_empty(), "{function} depends on {others:?}");
    }
}

#[test]
fn the_test_kit_is_never_compiled_into_a_function() {
    let graph = Graph::load();
    for function in packages() {
        let reached = graph.closure(&function);
        assert!(
            !reached.contains("penstock-testkit") && !reached.contains("penstock-tests"),
            "{function} holds a fake"
        );
    }
    let users = graph.packages().filter(|p| p.source.is_none() && p.name != "penstock-tests");
    let users = users.filter(|p| {
        p.dependencies.iter().any(|(d, for_tests)| d == "penstock-testkit" && !for_tests)
    });
    assert_eq!(
        users.map(|p| p.name.as_str()).collect::<Vec<_>>(),
        Vec::<&str>::new(),
        "dev-dependencies only"
    );
}

#[test]
fn what_describes_the_contract_is_in_no_function_that_is_deployed() {
    let mut cargo = Command::new(env!("CARGO"));
    // As `cargo lambda build` selects them: features of `penstock-tests` do not count.
    cargo.current_dir(root()).args(["tree", "--locked", "--edges", "normal", "--prefix", "none"]);
    let functions = packages();
    let output =
        cargo.args(functions.iter().flat_map(|function| ["-p", function])).output().unwrap();
    let tree = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && tree.contains("tokio-postgres"),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(!tree.contains("schemars"), "{tree}");
}

#[test]
fn the_export_of_traces_is_in_no_function_that_is_deployed_unless_it_is_asked_for() {
    let tree = |features: &[&str]| {
        let mut cargo = Command::new(env!("CARGO"));
        let edges = ["tree", "--locked", "--edges", "normal", "--prefix", "none"];
        cargo.current_dir(root()).args(edges).args(["-p", "penstock-edge"]).args(features);
        let output = cargo.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    let (plain, exporting) = (tree(&[]), tree(&["--features", "penstock-edge/otlp"]));
    assert!(!plain.contains("reqwest") && !plain.contains("opentelemetry"), "{plain}");
    assert!(exporting.contains("reqwest"), "{exporting}");
}

#[test]
fn admin_alone_writes_secrets() {
    let mut writers = BTreeSet::new();
    for function in functions() {
        let sources = rust_files(&root().join("functions").join(&function).join("src"));
        let names = |file: &PathBuf| {
            std::fs::read_to_string(file).unwrap().contains("clients::secret_store")
        };
        if sources.iter().any(names) {
            writers.insert(function);
        }
    }
    assert_eq!(writers, BTreeSet::from(["admin".to_owned()]));
}

#[test]
fn archive_alone_links_the_writer_of_parquet() {
    let graph = Graph::load();
    let writers: Vec<String> =
        packages().into_iter().filter(|name| graph.closure(name).contains("parquet")).collect();
    assert_eq!(writers, ["penstock-archive"]);
    assert!(
        !graph.closure("penstock-archive").contains("arrow-array"),
        "column by column, no arrow"
    );
}
