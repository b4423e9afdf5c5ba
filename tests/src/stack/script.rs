//! Runs the scripts of `infra/` and reads the functions' logs.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use tokio::process::Command;

use super::{LocalStack, StackError};

/// Returns a command in the repository's root. Its process is killed when the handle is dropped.
pub(super) fn command(local: &LocalStack, script: &str) -> Command {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut command = Command::new(&local.python);
    command.arg(script).current_dir(root).stdin(Stdio::null()).kill_on_drop(true);
    command
}

/// Runs a script to its end and returns its stdout. A failed script is an error.
pub(super) async fn run(
    local: &LocalStack,
    script: &'static str,
    arguments: &[String],
    env: &[(&str, &str)],
) -> Result<String, StackError> {
    let output = command(local, script).args(arguments).envs(env.iter().copied()).output().await;
    let output = output.map_err(|source| StackError::Process { what: script, source })?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(StackError::Script { script, status: output.status, said });
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// Runs a script to its end. Returns its exit code, whatever it is, and its stdout.
pub(super) async fn outcome(
    local: &LocalStack,
    script: &'static str,
    arguments: &[String],
) -> Result<(i32, String), StackError> {
    let output = command(local, script).args(arguments).stderr(Stdio::inherit()).output().await;
    let output = output.map_err(|source| StackError::Process { what: script, source })?;
    let code = output.status.code().ok_or_else(|| {
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        StackError::Script { script, status: output.status, said }
    })?;
    Ok((code, String::from_utf8_lossy(&output.stdout).into_owned()))
}

/// Returns `target/<profile>`, the folder in which this program was built. A test is one level
/// deeper, in `deps`.
pub(super) fn binaries() -> Result<PathBuf, StackError> {
    let own = std::env::current_exe()
        .map_err(|source| StackError::Process { what: "the path of this program", source })?;
    let found = own.ancestors().skip(1).take(2).find(|folder| folder.join("process").is_file());
    found.map(Path::to_owned).ok_or_else(|| StackError::NotBuilt(own.display().to_string()))
}

/// Removes the logs of an earlier stack of the same name.
pub(super) fn forget_logs(folder: &Path, stack: &str) {
    for log in logs(folder, stack) {
        // An error means that the log is gone already.
        std::fs::remove_file(log).unwrap_or_default();
    }
}

pub(super) fn last_words(folder: &Path, stack: &str, lines: usize) -> String {
    let mut words = String::new();
    for path in logs(folder, stack) {
        let text = std::fs::read_to_string(&path).unwrap_or_default();
        let all: Vec<&str> = text.lines().collect();
        let tail = all
            .iter()
            .skip(all.len().saturating_sub(lines))
            .fold(String::new(), |tail, line| tail + "  " + line + "\n");
        // Writing to a String does not fail.
        write!(words, "{} (its last {lines} lines)\n{tail}", path.display()).unwrap_or_default();
    }
    words
}

fn logs(folder: &Path, stack: &str) -> Vec<PathBuf> {
    let prefix = format!("{stack}-");
    let of_stack = |path: &PathBuf| {
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        // A function's name has no dash, so a rest with a dash belongs to another stack.
        name.strip_prefix(&prefix).is_some_and(|rest| rest.ends_with(".log") && !rest.contains('-'))
    };
    let entries = std::fs::read_dir(folder).into_iter().flatten().filter_map(Result::ok);
    let mut paths: Vec<PathBuf> = entries.map(|entry| entry.path()).filter(of_stack).collect();
    paths.sort();
    paths
}
