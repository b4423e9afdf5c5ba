//! `make run` from outside: it lives on without Postgres, and leaves no process.

use std::process::Stdio;
use std::time::Duration;

use penstock_testkit::PrivatePostgres;
use penstock_tests::http_client;
use tokio::io::{AsyncBufReadExt as _, BufReader, Lines};
use tokio::process::{Child, ChildStdout, Command};

use crate::deployed_app::SOON;

/// The live tour, with its output as a file gets it.
struct Tour {
    process: Child,
    lines: Lines<BufReader<ChildStdout>>,
}

impl Tour {
    fn start(database_url: &str) -> Self {
        let mut process = Command::new(env!("CARGO_BIN_EXE_tour"))
            .env("DATABASE_URL", database_url)
            .env("CHARGES", "40")
            .env_remove("ONCE")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let lines = BufReader::new(process.stdout.take().unwrap()).lines();
        Self { process, lines }
    }

    /// Reads up to a line that `is` what the test waits for.
    async fn until(&mut self, what: &str, is: impl Fn(&str) -> bool) -> String {
        let mut said = Vec::new();
        let read = async {
            while let Some(line) = self.lines.next_line().await.unwrap() {
                said.push(line);
                if said.last().is_some_and(|line| is(line)) {
                    return;
                }
            }
        };
        let in_time = tokio::time::timeout(SOON, read).await.is_ok();
        let found = said.pop().filter(|line| in_time && is(line));
        found.unwrap_or_else(|| panic!("no {what} after\n{}", said.join("\n")))
    }
}

/// The processes that `parent` has started and that run.
fn children(parent: u32) -> Vec<u32> {
    let ids = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let ids = ids.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    ids.filter(|id| {
        let stat = std::fs::read_to_string(format!("/proc/{id}/stat")).unwrap_or_default();
        let rest = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let fields: Vec<&str> = rest.split_whitespace().collect();
        fields.first().is_some_and(|state| *state != "Z")
            && fields.get(1) == Some(&parent.to_string().as_str())
    })
    .collect()
}

#[tokio::test]
async fn make_run_lives_on_while_postgres_is_away_and_ctrl_c_leaves_no_process() {
    let postgres = PrivatePostgres::new().await;
    let login = postgres.login();
    let (user, port, database) = (&login.user, login.port, &login.database);
    let mut tour = Tour::start(&format!("postgres://{user}@127.0.0.1:{port}/{database}"));
    let id = tour.process.id().unwrap();
    let docs = tour.until("URL of the API", |line| line.ends_with("/docs")).await;
    let api = docs.trim_end_matches("/docs");
    let client =
        http_client::builder().no_proxy().timeout(Duration::from_secs(30)).build().unwrap();
    let status = async |path: &str| {
        client.get(format!("{api}{path}")).send().await.unwrap().status().as_u16()
    };
    assert_eq!((status("/healthz").await, status("/readyz").await), (200, 200));

    postgres.stop_fast().await;
    tour.until("word of the trouble", |line| line.contains("trying again")).await;
    assert_eq!((status("/healthz").await, status("/readyz").await), (200, 503));
    postgres.start().await;
    tour.until("end of the trouble", |line| line.contains("up to date")).await;
    assert_eq!(status("/readyz").await, 200);

    let hosted = children(id);
    assert!(!hosted.is_empty(), "the gateway hosts no function");
    // As the terminal does, to which no function listens.
    let interrupt = std::process::Command::new("kill").args(["-INT", &id.to_string()]).status();
    assert!(interrupt.unwrap().success());
    let ended = tour.process.wait().await.unwrap();
    assert_eq!(ended.code(), Some(130));
    let left = |id: &&u32| std::path::Path::new(&format!("/proc/{id}/root")).exists();
    assert_eq!(hosted.iter().find(left), None, "of {hosted:?}");
}
