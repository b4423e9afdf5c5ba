//! A Postgres server that belongs to one test, which may stop it and start it again.

use std::io::{BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::{Arc, Mutex, PoisonError};

use penstock_store::{Database, Login, StaticLogin, Tls, migrations};
use tokio_postgres::Client;

use crate::{roles, server};

const NO_PYTHON: &str = "PENSTOCK_PYTHON is not set, which names the Python of .local/venv, where Postgres is \
    installed: run `make test`, or `python3.11 infra/local/stack.py with -- cargo test`";

/// A server with one migrated database. Its port does not change, and committed rows survive its
/// stops.
///
/// `infra/local/private_postgres.py` runs it. That script ends the server when this value is
/// dropped, and also if this process dies without dropping it.
#[derive(Debug)]
pub struct PrivatePostgres {
    keeper: Arc<Mutex<Keeper>>,
    port: u16,
    directory: PathBuf,
}

impl PrivatePostgres {
    /// Starts a server and migrates its database.
    ///
    /// # Panics
    ///
    /// If `PENSTOCK_PYTHON` is not set, the server does not start, or a migration fails.
    pub async fn new() -> Self {
        Self::kept(None).await
    }

    /// Starts a server whose disk can be full, and migrates its database. It needs a C compiler.
    ///
    /// # Panics
    ///
    /// As [`PrivatePostgres::new`].
    pub async fn on_a_small_disk() -> Self {
        Self::kept(Some("--disk")).await
    }

    #[expect(
        clippy::disallowed_methods,
        reason = "a setting of the tests; functions get theirs from edge"
    )]
    async fn kept(option: Option<&'static str>) -> Self {
        let python = std::env::var("PENSTOCK_PYTHON").expect(NO_PYTHON);
        let start = move || Keeper::start(&python, option);
        let (keeper, port, directory) = blocking(start).await;
        let server = Self { keeper: Arc::new(Mutex::new(keeper)), port, directory };
        let database = server.database(2);
        migrations::migrate(&database).await.expect("the migrations");
        roles::make(&mut database.connection().await.expect("a connection")).await;
        server
    }

    /// Stops the server as `systemctl stop` does: it closes the clients' connections, rolls back
    /// open transactions and writes everything out.
    ///
    /// # Panics
    ///
    /// If the server does not stop.
    pub async fn stop_fast(&self) {
        assert_eq!(self.ask("fast").await, None, "it runs on");
    }

    /// Stops the server at once, which is as good as a crash: nothing is written out, and the next
    /// start has to recover.
    ///
    /// # Panics
    ///
    /// If the server does not stop.
    pub async fn stop_immediate(&self) {
        assert_eq!(self.ask("immediate").await, None, "it runs on");
    }

    /// Starts the server again. Returns once it accepts connections.
    ///
    /// # Panics
    ///
    /// If the server does not start.
    pub async fn start(&self) {
        assert!(self.ask("start").await.is_some(), "it does not run");
    }

    /// Stops all processes of the server where they are: it is silent, and refuses no connection.
    pub async fn freeze(&self) {
        self.ask("freeze").await;
    }

    /// Lets the server go on that was frozen.
    pub async fn thaw(&self) {
        self.ask("thaw").await;
    }

    /// Leaves the server no room for another byte, if it is [on a small
    /// disk](PrivatePostgres::on_a_small_disk).
    pub async fn fill_disk(&self) {
        self.ask("fill").await;
    }

    /// Gives the server room again. It may have ended for want of it, and is started then.
    ///
    /// # Panics
    ///
    /// If the server does not start.
    pub async fn empty_disk(&self) {
        self.ask("empty").await;
        self.start().await;
    }

    /// Returns a pool of at most `size` connections, without TLS.
    pub fn database(&self, size: usize) -> Database {
        Database::new(Arc::new(StaticLogin(self.login())), Tls::Disable, None, size)
            .expect("a pool")
    }

    /// Returns a pool of one connection under the login of a function.
    pub fn database_of(&self, function: &str) -> Database {
        let login = roles::login(&self.login(), function);
        Database::new(Arc::new(StaticLogin(login)), Tls::Disable, None, 1).expect("a pool")
    }

    /// Returns the login, which is the same before and after a stop.
    pub fn login(&self) -> Login {
        let (host, name) = ("127.0.0.1".to_owned(), "postgres".to_owned());
        Login { host, port: self.port, database: name.clone(), user: name, password: None }
    }

    /// Opens a connection outside any pool, to read what the code under test has written.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub async fn client(&self) -> Client {
        server::connect(&self.login()).await
    }

    /// Returns the id of the server's process, or `None` while it is stopped.
    pub fn process_id(&self) -> Option<u32> {
        lock(&self.keeper).postgres
    }

    /// Returns the server's data directory.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    async fn ask(&self, word: &'static str) -> Option<u32> {
        let keeper = Arc::clone(&self.keeper);
        blocking(move || lock(&keeper).ask(word)).await
    }
}

/// The Python process that runs the server.
#[derive(Debug)]
struct Keeper {
    process: Child,
    words: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    postgres: Option<u32>,
}

impl Keeper {
    fn start(python: &str, option: Option<&str>) -> (Self, u16, PathBuf) {
        let script =
            Path::new(env!("CARGO_MANIFEST_DIR")).join("../../infra/local/private_postgres.py");
        let mut command = Command::new(python);
        command
            .arg(script)
            .args(option)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let mut process =
            command.spawn().unwrap_or_else(|e| panic!("{python} cannot be started: {e}"));
        let words = process.stdin.take();
        let answers = BufReader::new(process.stdout.take().expect("a pipe, as asked for"));
        let mut keeper = Self { process, words, answers, postgres: None };
        let line = keeper.line();
        let (port, rest) = line.split_once(' ').expect("port, process and directory");
        let (postgres, directory) = rest.split_once(' ').expect("port, process and directory");
        keeper.postgres = Some(postgres.parse().expect("a process id"));
        (keeper, port.parse().expect("a port"), directory.into())
    }

    fn ask(&mut self, word: &str) -> Option<u32> {
        use std::io::Write as _;
        let words = self.words.as_mut().expect("open until it is dropped");
        // If the script has ended, reading its answer reports that.
        let _ = writeln!(words, "{word}");
        let line = self.line();
        let postgres: u32 =
            line.strip_prefix("done ").and_then(|id| id.parse().ok()).expect("a process id");
        self.postgres = (postgres != 0).then_some(postgres);
        self.postgres
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        if self.answers.read_line(&mut line).is_ok_and(|read| read > 0) {
            return line.trim_end().to_owned();
        }
        let mut said = String::new();
        if let Some(stderr) = &mut self.process.stderr {
            let _ = stderr.read_to_string(&mut said);
        }
        panic!("the private Postgres has ended:\n{said}");
    }
}

impl Drop for Keeper {
    /// Returns once the server and its files are gone.
    fn drop(&mut self) {
        self.words = None;
        let ended = self.process.wait();
        assert!(
            ended.is_ok() || std::thread::panicking(),
            "the private Postgres cannot be waited for: {ended:?}"
        );
    }
}

fn lock(keeper: &Mutex<Keeper>) -> std::sync::MutexGuard<'_, Keeper> {
    keeper.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs blocking work off the test's runtime, whose other tasks go on meanwhile.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        Err(e) => std::panic::resume_unwind(e.into_panic()),
    }
}
