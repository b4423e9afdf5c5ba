//! The gateway of `make run`: environments as on Lambda, and a status line for every client.

mod environments;
mod status_lines;

use std::path::PathBuf;
use std::time::Duration;

use penstock_tests::gateway::{Patience, Server, Settings};
use penstock_tests::hosting::{Hosted, HostedFunction};
use penstock_tests::http_client;

/// A gateway before the function that does what the test says (`tests/src/bin/stand_in.rs`).
pub struct Api {
    server: Server,
    client: reqwest::Client,
}

/// The function behind `/healthz`: at most two environments, and two minutes for an event.
pub fn stand_in() -> HostedFunction {
    HostedFunction {
        name: "metrics".to_owned(),
        bootstrap: env!("CARGO_BIN_EXE_stand_in").into(),
        variables: lambda_variables(),
        timeout: Duration::from_secs(120),
        most: 2,
        log: PathBuf::from("/dev/null"),
    }
}

impl Api {
    pub fn start(function: HostedFunction, patience: Patience) -> Self {
        let settings = Settings { name: "penstock", patience, ..Settings::default() };
        let server = Server::start(settings, Hosted::new(vec![function]), std::io::sink()).unwrap();
        Self { server, client: http_client::builder().no_proxy().build().unwrap() }
    }

    pub fn url(&self) -> String {
        self.server.url()
    }

    /// The status and the body of the reply.
    pub async fn ask(&self, what: &str) -> (u16, String) {
        let url = format!("{}/healthz?do={what}", self.server.url());
        let reply = self.client.get(url).send().await.unwrap();
        (reply.status().as_u16(), reply.text().await.unwrap())
    }

    /// The process that answers.
    pub async fn pid(&self) -> u32 {
        let (status, body) = self.ask("pid").await;
        assert_eq!(status, 200, "{body}");
        body.parse().unwrap()
    }
}

/// Whether a process runs. One that has ended and was not waited for does not.
pub fn runs(pid: u32) -> bool {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with(['Z', 'X']))
}

fn lambda_variables() -> Vec<(String, String)> {
    [
        ("AWS_LAMBDA_FUNCTION_NAME", "stand-in"),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "128"),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST"),
        ("AWS_LAMBDA_LOG_GROUP_NAME", "/aws/lambda/stand-in"),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "test"),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .to_vec()
}
