//! `make watch` as a child process, in a process group of its own as a shell would start it.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::time::timeout;

/// Longer than any step here takes on a busy machine, a build of all functions included.
pub const PATIENCE: Duration = Duration::from_secs(300);

/// Beginnings of variables that a shell does not have. Cargo sets some for a test, and would build
/// `ring` again, and all that depends on it, for others than the last time.
const NOT_OF_A_SHELL: [&str; 12] = [
    "AWS_",
    "CARGO_BIN_",
    "CARGO_CRATE_",
    "CARGO_MANIFEST_",
    "CARGO_PKG_",
    "CARGO_PRIMARY_",
    "CARGO_TARGET_TMPDIR",
    "DATABASE_",
    "LD_LIBRARY_PATH",
    "MAKE",
    "MFLAGS",
    "PENSTOCK_",
];

/// A running `make watch`.
pub struct Session {
    child: Child,
    lines: UnboundedReceiver<String>,
    seen: Vec<String>,
}

impl Session {
    /// Starts it with `variables` in place of the `.env` of this checkout, whose database is not
    /// for tests.
    pub fn start(variables: &[(&str, String)]) -> Self {
        let mut command = shell("exec make watch DOTENV=: 2>&1");
        for (name, _) in std::env::vars_os() {
            let is_foreign = |start: &&str| name.to_string_lossy().starts_with(*start);
            if NOT_OF_A_SHELL.iter().any(is_foreign) {
                command.env_remove(&name);
            }
        }
        command.envs(variables.iter().map(|(name, value)| (*name, value)));
        let mut child = command.process_group(0).stdout(Stdio::piped()).spawn().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
        let (sender, lines) = unbounded_channel();
        tokio::spawn(async move {
            while let Ok(Some(line)) = output.next_line().await {
                // Reads to the end even after the test: a full pipe would block the writer.
                sender.send(line).unwrap_or_default();
            }
        });
        Self { child, lines, seen: Vec::new() }
    }

    /// The process id of `make`, and the id of the process group.
    pub fn id(&self) -> u32 {
        self.child.id().expect("make still runs")
    }

    /// Waits for a line that contains `part`.
    pub async fn line(&mut self, part: &str) -> String {
        loop {
            let next = timeout(PATIENCE, self.lines.recv()).await;
            let Ok(Some(line)) = next else { panic!("no line with {part}:\n{}", self.output()) };
            self.seen.push(line.clone());
            if line.contains(part) {
                return line;
            }
        }
    }

    /// Waits for a line with a word that starts with `start`, and returns the word.
    pub async fn word(&mut self, start: &str) -> String {
        let line = self.line(&format!(" {start}")).await;
        line.split_whitespace().find(|word| word.starts_with(start)).unwrap().to_owned()
    }

    /// Returns all output so far.
    pub fn output(&mut self) -> String {
        while let Ok(line) = self.lines.try_recv() {
            self.seen.push(line);
        }
        self.seen.join("\n")
    }

    /// Runs a printed command in another shell and returns what it writes to stdout.
    pub async fn run(&mut self, command: &str) -> String {
        let output = timeout(PATIENCE, shell(command).output()).await.unwrap().unwrap();
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success(), "{command}: {output:?}\n{}", self.output());
        said
    }

    /// Presses Ctrl-C, which a terminal sends to the whole process group, and waits for the end.
    pub async fn interrupt(&mut self) {
        self.signal("INT");
        let ended = timeout(PATIENCE, self.child.wait()).await;
        assert!(ended.is_ok(), "it goes on after Ctrl-C:\n{}", self.output());
    }

    fn signal(&self, name: &str) {
        if let Some(group) = self.child.id() {
            let kill = format!("kill -s {name} -- -{group}");
            std::process::Command::new("sh").args(["-c", &kill]).status().unwrap();
        }
    }
}

impl Drop for Session {
    fn drop(&mut self) {
        self.signal("TERM");
    }
}

fn shell(line: &str) -> Command {
    let mut command = Command::new("sh");
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap();
    command.args(["-c", line]).current_dir(root).stdin(Stdio::null()).kill_on_drop(false);
    command
}
