//! Runs a function's built binary as Lambda does: one environment, one invocation after the other.

use std::future::Future;
use std::path::{Path, PathBuf};
use std::pin::pin;
use std::process::{ExitStatus, Stdio};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde_json::Value;
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinHandle;

use crate::outcome::Outcome;
use crate::runtime_api::{self, RuntimeApi};

/// The default deadline of an invocation.
const DEADLINE: Duration = Duration::from_secs(30);

/// The deadline of an invocation that is to do all its work, on a busy machine too. The start of
/// the process counts, and functions begin nothing in their last 20 to 25 s.
const UNHURRIED: Duration = Duration::from_secs(120);

/// One Lambda environment: the function's process and the Runtime API that it polls.
///
/// The process is killed when this value is dropped. If the test fails, the process's output is
/// printed.
pub struct RuntimeHost {
    api: Arc<RuntimeApi>,
    child: Arc<Mutex<Child>>,
    pid: u32,
    spawned: Instant,
    exit: watch::Receiver<Option<ExitStatus>>,
    output: Arc<Mutex<Vec<u8>>>,
    serving: JoinHandle<()>,
}

impl RuntimeHost {
    /// Starts the process. Its environment holds `env`, the variables that `lambda_runtime` needs,
    /// made-up credentials, and nothing else.
    ///
    /// # Panics
    ///
    /// If the binary cannot be started.
    pub async fn start(binary: &Path, env: &[(&str, &str)]) -> Self {
        let (listener, address) = runtime_api::listen().await;
        let api = RuntimeApi::new();
        let serving = tokio::spawn(api.clone().serve(listener));
        let name = binary.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let mut command = Command::new(binary);
        command
            .env_clear()
            .envs(lambda_environment(&name))
            .env("AWS_LAMBDA_RUNTIME_API", address.to_string())
            .envs(env.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let spawned = Instant::now();
        let mut child = command
            .spawn()
            .unwrap_or_else(|e| panic!("{} cannot be started: {e}", binary.display()));
        let output = Arc::default();
        let captures =
            [capture(child.stdout.take(), &output), capture(child.stderr.take(), &output)];
        let pid = child.id().expect("a process that was not waited for");
        let child = Arc::new(Mutex::new(child));
        let exit = watch_exit(child.clone(), captures);
        Self { api, child, pid, spawned, exit, output, serving }
    }

    /// Invokes the function and waits for the outcome, for at most 30 s.
    pub async fn invoke(&self, payload: Value) -> Outcome {
        self.invoke_with_deadline(payload, DEADLINE).await
    }

    /// Invokes the function with the time for all its work, and waits for the outcome, for at most
    /// 120 s.
    pub async fn invoke_unhurried(&self, payload: Value) -> Outcome {
        self.invoke_with_deadline(payload, UNHURRIED).await
    }

    /// Invokes the function with a deadline. The function can read it, and is killed when it
    /// passes.
    pub async fn invoke_with_deadline(&self, payload: Value, deadline: Duration) -> Outcome {
        let outcome = self.api.submit(&payload, deadline);
        tokio::select! {
            biased;
            Ok(outcome) = outcome => outcome,
            status = self.exit_status() => self.api.init_error().unwrap_or(Outcome::Died(status)),
            () = tokio::time::sleep(deadline) => {
                self.kill().await;
                Outcome::TimedOut
            }
        }
    }

    /// Sends SIGKILL at once. Returns once the process is gone.
    pub async fn kill(&self) -> ExitStatus {
        self.killer()();
        self.exit_status().await
    }

    /// Stops the process where it is (SIGSTOP), as Lambda freezes an environment. Its sockets stay
    /// open.
    ///
    /// # Panics
    ///
    /// If the process is gone.
    pub fn freeze(&self) {
        signal(self.pid, "STOP");
    }

    /// Lets a process go on that was stopped (SIGCONT).
    ///
    /// # Panics
    ///
    /// If the process is gone.
    pub fn thaw(&self) {
        signal(self.pid, "CONT");
    }

    /// Returns a closure that stops the process where it is, for use elsewhere, as in
    /// [`crate::CuttingProxy::hold_at`].
    pub fn freezer(&self) -> impl FnOnce() + Send + 'static {
        let pid = self.pid;
        move || signal(pid, "STOP")
    }

    /// Freezes the process at each of its replies, before it learns that the reply has arrived.
    /// [`RuntimeHost::thaw`] lets it go on.
    pub fn freeze_at_replies(&self) {
        let pid = self.pid;
        self.api.at_replies(move || signal(pid, "STOP"));
    }

    /// Returns a closure that sends the SIGKILL, for use elsewhere, as in
    /// [`crate::CuttingProxy::cut_at`].
    pub fn killer(&self) -> impl FnOnce() + Send + 'static {
        let child = self.child.clone();
        move || kill(&child)
    }

    /// Returns the time from the start of the process to its first poll: the cold start.
    ///
    /// # Panics
    ///
    /// If the process ended before it polled.
    pub async fn first_poll(&self) -> Duration {
        let mut polled = self.api.first_poll();
        tokio::select! {
            biased;
            at = polled.wait_for(Option::is_some) => at.unwrap().unwrap().duration_since(self.spawned),
            status = self.exit_status() => panic!("it never asked for work, {status}:\n{}", self.output()),
        }
    }

    /// Returns the id of the process.
    pub fn pid(&self) -> u32 {
        self.pid
    }

    /// Returns the process's resident memory in KiB.
    ///
    /// # Panics
    ///
    /// If the process is gone.
    pub fn resident_kib(&self) -> u64 {
        memory_kib(self.pid, "VmRSS").expect("a live process")
    }

    /// Returns the stdout and stderr of the process so far, in the order of arrival. The output is
    /// complete once the process has ended.
    pub fn output(&self) -> String {
        String::from_utf8_lossy(&self.output.lock().unwrap_or_else(PoisonError::into_inner))
            .into_owned()
    }

    async fn exit_status(&self) -> ExitStatus {
        let mut exit = self.exit.clone();
        exit.wait_for(Option::is_some)
            .await
            .expect("the watcher outlives the process")
            .expect("just seen")
    }
}

impl Drop for RuntimeHost {
    #[expect(
        clippy::print_stderr,
        reason = "what a function wrote is what explains a test that fails"
    )]
    fn drop(&mut self) {
        kill(&self.child);
        self.serving.abort();
        if std::thread::panicking() {
            eprintln!("---- what process {} wrote ----\n{}----", self.pid, self.output());
        }
    }
}

/// Reads a field of Linux's `/proc/<pid>/status` in KiB: `VmRSS` is the memory resident now,
/// `VmHWM` its peak.
///
/// Returns `None` if the process is gone or the system is not Linux.
pub fn memory_kib(pid: u32, field: &str) -> Option<u64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field)?.strip_prefix(':'))?;
    line.trim().trim_end_matches("kB").trim().parse().ok()
}

/// Returns the binary of the function `name`, from the same `target/<profile>` as the running test.
///
/// # Panics
///
/// If the function has not been built.
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("the path of the running test");
    // target/<profile>/deps/<test>-<hash>
    let profile = test.parent().and_then(Path::parent).expect("a test in target/<profile>/deps");
    let path = profile.join(name);
    assert!(
        path.is_file(),
        "{} is not built: run `make test`, or `cargo build -p {name}` first",
        path.display()
    );
    path
}

/// The variables that Lambda sets, as far as `lambda_runtime` and the AWS SDK read them.
fn lambda_environment(name: &str) -> [(&'static str, String); 9] {
    [
        ("AWS_LAMBDA_FUNCTION_NAME", name.to_owned()),
        ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256".to_owned()),
        ("AWS_LAMBDA_FUNCTION_VERSION", "$LATEST".to_owned()),
        ("AWS_LAMBDA_LOG_GROUP_NAME", format!("/aws/lambda/{name}")),
        ("AWS_LAMBDA_LOG_STREAM_NAME", "test".to_owned()),
        ("AWS_REGION", "eu-west-1".to_owned()),
        ("AWS_ACCESS_KEY_ID", "test".to_owned()),
        ("AWS_SECRET_ACCESS_KEY", "test".to_owned()),
        ("AWS_EC2_METADATA_DISABLED", "true".to_owned()),
    ]
}

/// Sends a signal that the standard library cannot send. `kill` is part of every shell.
fn signal(pid: u32, name: &str) {
    let kill = format!("kill -{name} {pid}");
    let sent = std::process::Command::new("sh").args(["-c", &kill]).status();
    assert!(sent.is_ok_and(|status| status.success()), "{kill}");
}

fn kill(child: &Mutex<Child>) {
    // An error means that the process is gone already.
    let _ = child.lock().unwrap_or_else(PoisonError::into_inner).start_kill();
}

/// Reports the exit once all output of the process has been read.
///
/// It does not hold the child's lock while it waits, because [`kill`] must be able to take it at
/// any time.
fn watch_exit(
    child: Arc<Mutex<Child>>,
    captures: [JoinHandle<()>; 2],
) -> watch::Receiver<Option<ExitStatus>> {
    let (tell, hear) = watch::channel(None);
    tokio::spawn(async move {
        let exited = std::future::poll_fn(|cx| pin!(child.lock().unwrap().wait()).poll(cx)).await;
        for capture in captures {
            let _ = capture.await;
        }
        tell.send_replace(Some(exited.expect("the exit status of our own child")));
    });
    hear
}

fn capture(
    stream: Option<impl AsyncRead + Send + Unpin + 'static>,
    output: &Arc<Mutex<Vec<u8>>>,
) -> JoinHandle<()> {
    let (mut stream, output) = (stream.expect("a pipe, as asked for"), output.clone());
    tokio::spawn(async move {
        let mut buffer = [0; 4096];
        while let Ok(read @ 1..) = stream.read(&mut buffer).await {
            output.lock().unwrap().extend_from_slice(&buffer[..read]);
        }
    })
}
