//! A function with the configuration that it is deployed with.

use std::fs::{File, OpenOptions};
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use tokio::process::Command;

/// Lambda's own search path.
const SEARCH_PATH: &str = "/usr/local/bin:/usr/bin:/bin:/opt/bin";

/// A function, with the configuration that it is deployed with.
#[derive(Debug, Clone)]
pub struct HostedFunction {
    /// The name of its binary, such as `ingest`.
    pub name: String,
    /// The program that Lambda would start.
    pub bootstrap: PathBuf,
    /// The variables that its process gets, and no others but those of Lambda itself.
    pub variables: Vec<(String, String)>,
    /// The longest time that one event may take.
    pub timeout: Duration,
    /// The largest number of its environments: the reserved concurrency.
    pub most: usize,
    /// The file to which its processes append what they print.
    pub log: PathBuf,
}

impl HostedFunction {
    /// Returns the command that starts a process which polls the Runtime API at `api`.
    ///
    /// The process has a group of its own: Ctrl-C in the terminal reaches only the gateway, which
    /// then ends it.
    pub(super) fn command(&self, api: &str) -> io::Result<Command> {
        let (out, err) = (self.log()?, self.log()?);
        let mut command = Command::new(&self.bootstrap);
        command
            .env_clear()
            .env("PATH", SEARCH_PATH)
            .env("TZ", ":UTC")
            .envs(self.variables.iter().map(|(name, value)| (name, value)))
            .env("AWS_LAMBDA_RUNTIME_API", api)
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .kill_on_drop(true);
        Ok(command)
    }

    fn log(&self) -> io::Result<File> {
        OpenOptions::new().create(true).append(true).open(&self.log)
    }
}
