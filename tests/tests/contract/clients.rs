//! Clients that generators make of docs/openapi.json work: a Python one against the functions, and
//! a TypeScript one by its types. And the document passes a validator and a linter.

use std::path::{Path, PathBuf};
use std::process::Output;

use penstock_testkit::TestDatabase;
use penstock_tests::gateway::{Server, Settings};
use penstock_tests::repository::{installed, root};
use tokio::process::Command;

use crate::proof::{INGEST, READ, Scratch, functions};

/// A program of the environment of Schemathesis.
pub fn program(name: &str) -> PathBuf {
    installed(name).expect("run this by infra/local/stack.py")
}

fn document() -> PathBuf {
    root().join("docs/openapi.json")
}

pub fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/contract")
}

/// Runs a command, and returns all that it says if it succeeds.
async fn said(command: &mut Command) -> String {
    let output = command.kill_on_drop(true).output().await.unwrap();
    let said = words(&output);
    assert!(output.status.success(), "{command:?}\n{said}");
    said
}

fn words(output: &Output) -> String {
    (String::from_utf8_lossy(&output.stdout) + String::from_utf8_lossy(&output.stderr)).into_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_python_client_made_from_the_contract_posts_leads_and_events_and_reads_a_journey() {
    let folder = Scratch::new();
    let path = std::env::join_paths(
        [program("").as_path()].into_iter().chain([Path::new("/usr/bin"), Path::new("/bin")]),
    );
    let made = said(
        Command::new(program("openapi-python-client"))
            .arg("generate")
            .arg("--path")
            .arg(document())
            .args(["--meta", "none", "--output-path"])
            .arg(folder.0.join("penstock_client"))
            .env("PATH", path.unwrap()),
    )
    .await;
    assert!(!made.contains("WARNING") && !made.contains("rror"), "{made}");

    let database = TestDatabase::new().await;
    let handlers = functions(&database).await;
    let server = Server::start(Settings::default(), handlers, std::io::stderr()).unwrap();
    let used = said(
        Command::new(program("python"))
            .arg(here().join("client.py"))
            .arg(&folder.0)
            .args([server.url().as_str(), INGEST, READ])
            .env("PYTHONDONTWRITEBYTECODE", "1"),
    )
    .await;
    assert!(used.contains("the client works"), "{used}");
    let kept = "select string_agg(source || ' ' || n, ', ' order by source)
                  from (select source, count(*) as n from outbox group by source) as counts";
    assert_eq!(database.scalar::<String>(kept).await, "events 3, leads 5");
}

#[tokio::test]
async fn a_typescript_client_made_from_the_contract_type_checks() {
    let Some(folder) = node_modules().await else { return };
    let bin = folder.join("node_modules/.bin");
    let schema = folder.join("schema.d.ts");
    said(
        Command::new(bin.join("openapi-typescript"))
            .arg(document())
            .arg("-o")
            .arg(&schema)
            .current_dir(&folder),
    )
    .await;
    said(Command::new(bin.join("tsc")).args(["-p", "."]).current_dir(&folder)).await;
}

/// Installs what package-lock.json names, once for each lock. `None`, said aloud, without npm, or
/// if npm can install nothing: a machine needs no Node for the other tests.
#[expect(clippy::print_stderr, reason = "a skip must be seen")]
async fn node_modules() -> Option<PathBuf> {
    let files = ["package.json", "package-lock.json", "tsconfig.json", "client.ts"];
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("contract-typescript");
    std::fs::create_dir_all(&folder).unwrap();
    let lock = std::fs::read(here().join("typescript/package-lock.json")).unwrap();
    let is_installed = std::fs::read(folder.join("installed.json")).is_ok_and(|had| had == lock);
    for file in files {
        std::fs::copy(here().join("typescript").join(file), folder.join(file)).unwrap();
    }
    if !is_installed {
        let mut npm = Command::new("npm");
        npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund"]).current_dir(&folder);
        let reason = match npm.kill_on_drop(true).output().await {
            Ok(output) if output.status.success() => None,
            Ok(output) => Some(words(&output)),
            Err(error) => Some(error.to_string()),
        };
        if let Some(reason) = reason {
            eprintln!("without a TypeScript client: npm installs nothing: {reason}");
            return None;
        }
        std::fs::write(folder.join("installed.json"), lock).unwrap();
    }
    Some(folder)
}

#[tokio::test]
async fn a_validator_takes_the_contract_and_every_example_fits_its_schema() {
    let mut validator = Command::new(program("python"));
    let valid = said(validator.args(["-m", "openapi_spec_validator"]).arg(document())).await;
    assert!(valid.contains("OK"), "{valid}");
    let mut examples = Command::new(program("python"));
    let said = said(examples.arg(here().join("examples.py")).arg(document())).await;
    let (count, rest) = said.trim().split_once(' ').unwrap();
    assert!(rest == "examples" && count.parse::<usize>().unwrap() > 80, "{said}");
}
