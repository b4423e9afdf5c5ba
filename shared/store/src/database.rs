//! The connection pool: logs in with what a [`LoginSource`] gives, and hands out only live
//! connections.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use deadpool_postgres::{
    Connect, Manager, ManagerConfig, Object, Pool, PoolError, RecyclingMethod, Runtime,
};
use secrecy::{ExposeSecret, SecretString};
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, IsolationLevel, NoTls, Transaction};

use crate::tls::{RootsSource, Tls, Trust, refused_certificate};
use crate::{DriverError, StoreError};

mod ending;

pub use ending::Connection;
use ending::{Ender, Sockets};

type BoxError = Box<dyn std::error::Error + Send + Sync>;
type Connected = Result<(Client, JoinHandle<()>), tokio_postgres::Error>;

/// The address of Postgres, and the role to log in as.
#[derive(Debug, Clone)]
pub struct Login {
    /// The host name or address; RDS Proxy's if there is one.
    pub host: String,
    /// The TCP port that Postgres listens on.
    pub port: u16,
    /// The name of the database to use.
    pub database: String,
    /// The name of the role to log in as.
    pub user: String,
    /// The role's password, if it has one.
    pub password: Option<SecretString>,
}

/// Gives the login from a cache, which it refreshes when `fresh` is asked for: the password may
/// have been rotated.
pub trait LoginSource: Send + Sync {
    /// Returns the login to use now; with `fresh`, after reading it again from where it is kept.
    fn login(
        &self,
        fresh: bool,
    ) -> Pin<Box<dyn Future<Output = Result<Login, BoxError>> + Send + '_>>;
}

/// A login that never changes.
#[derive(Debug, Clone)]
pub struct StaticLogin(pub Login);

impl LoginSource for StaticLogin {
    fn login(
        &self,
        _fresh: bool,
    ) -> Pin<Box<dyn Future<Output = Result<Login, BoxError>> + Send + '_>> {
        Box::pin(async { Ok(self.0.clone()) })
    }
}

/// A pool of connections, opened when first needed.
#[derive(Clone)]
pub struct Database {
    pool: Pool,
    dialer: Arc<Dialer>,
    ender: Arc<Ender>,
    last_used: Arc<AtomicU64>,
    idle_before_check: Duration,
}

impl fmt::Debug for Database {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Database").field("status", &self.pool.status()).finish()
    }
}

/// After this long without use a connection is tried before it is handed out, unless set otherwise.
/// Lambda may have frozen the environment meanwhile, and the peer hung up unnoticed.
const IDLE_BEFORE_CHECK: Duration = Duration::from_secs(1);

/// A connection that was idle counts as dead if it does not answer within this time.
const CHECK_TIMEOUT: Duration = Duration::from_secs(2);

impl Database {
    /// Makes a pool of at most `size` connections, which are opened when they are needed.
    ///
    /// `roots` are believed in place of the system's, such as RDS's own if there is no proxy before
    /// it.
    ///
    /// # Errors
    /// Returns [`StoreError::Unavailable`] if there can be no pool of this size.
    pub fn new(
        source: Arc<dyn LoginSource>,
        tls: Tls,
        roots: Option<Arc<dyn RootsSource>>,
        size: usize,
    ) -> Result<Self, StoreError> {
        let trust = (tls == Tls::Require).then(|| Arc::new(Trust::new(roots)));
        let sockets = Arc::<Sockets>::default();
        let ender = Ender::new(trust.clone(), Arc::clone(&sockets));
        let dialer = Arc::new(Dialer { source, trust, missing: Mutex::default(), sockets });
        let config = ManagerConfig { recycling_method: RecyclingMethod::Fast };
        let manager = Manager::from_connect(Config::new(), Dialing(Arc::clone(&dialer)), config);
        let pool = Pool::builder(manager)
            .max_size(size)
            .runtime(Runtime::Tokio1)
            .wait_timeout(Some(Duration::from_secs(10)))
            .create_timeout(Some(Duration::from_secs(10)))
            .build()
            .map_err(|e| StoreError::Unavailable(Box::new(e)))?;
        Ok(Self {
            pool,
            dialer,
            ender: Arc::new(ender),
            last_used: Arc::new(AtomicU64::new(0)),
            idle_before_check: IDLE_BEFORE_CHECK,
        })
    }

    /// Returns the same pool, which tries a connection that was idle for `idle` before it hands it
    /// out.
    #[must_use]
    pub fn checked_after(self, idle: Duration) -> Self {
        Self { idle_before_check: idle, ..self }
    }

    /// Returns the same pool, of one connection. A connection that is not back after `patience` has
    /// its statement ended: the work on it fails as if Postgres were away. It is for functions that
    /// do much besides their transactions, so that [`Self::within`] cannot give all of it up.
    #[must_use]
    pub fn giving_up_after(self, patience: Duration) -> Self {
        let ender = Arc::new(self.ender.with_patience(patience));
        Self { ender, ..self }
    }

    /// Returns a live connection.
    ///
    /// # Errors
    /// Returns [`StoreError::Unavailable`] if there is none within ten seconds.
    pub async fn connection(&self) -> Result<Connection, StoreError> {
        let now = wall_clock_millis();
        let before = self.last_used.swap(now, Ordering::Relaxed);
        let idle = Duration::from_millis(now.saturating_sub(before));
        loop {
            let connection = self.pool.get().await.map_err(|error| self.dialer.explained(error))?;
            let fresh = Object::metrics(&connection).recycle_count == 0;
            if fresh || idle < self.idle_before_check || answers(&connection).await {
                return Ok(Connection::new(connection, &self.ender));
            }
            // Dead, or busy with work that was given up: taken out of the pool for good. The pool
            // opens another, which counts as fresh and need not wait for the end of this one.
            let left = Object::take(connection);
            if !left.is_closed() {
                self.ender.end_beside(left).await;
            }
            // The others froze with it.
            self.close_idle();
        }
    }

    /// Returns once Postgres has answered on a connection, which is in the pool then.
    ///
    /// # Errors
    /// Returns [`StoreError`] if there is no connection, or it breaks twice.
    pub async fn ping(&self) -> Result<(), StoreError> {
        if self.connection().await?.simple_query("").await.is_ok() {
            return Ok(());
        }
        // The peer had hung up (trap 44).
        let again = self.connection().await?.simple_query("").await;
        again.map(drop).map_err(|error| StoreError::new("ping", error))
    }

    /// Closes the connections that nobody uses.
    pub fn close_idle(&self) {
        self.pool.retain(|_, _| false);
    }

    /// Closes the connections that nobody uses, and ends the statements that are under way on them.
    ///
    /// After work was given up half-way, its statement still holds a backend of Postgres. The next
    /// statement on that connection would wait behind it, and a new connection beside it would be
    /// one more: while a table is locked, all connections of Postgres would be used up (trap 69).
    ///
    /// The sockets are closed when it returns. A frozen environment would hold them, and the locks
    /// of their transactions, until a limit of its role.
    pub async fn end_idle(&self) {
        for left in self.pool.retain(|_, _| false).removed {
            self.ender.end(left).await;
        }
    }

    /// Waits for `work`, which uses this pool, no longer than [`PATIENCE`].
    ///
    /// # Errors
    /// Returns [`StoreError::Silent`] if the time is over, and the error of `work` if it fails.
    pub async fn in_time<T, E: From<StoreError>>(
        &self,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        self.within(PATIENCE, work).await
    }

    /// Waits for work that does no harm if it is done again, no longer than [`PATIENCE`]. The peer
    /// may have hung up before the statement came (trap 44): then it is done once more.
    ///
    /// # Errors
    /// As [`Self::in_time`].
    pub async fn in_time_or_again<T, F>(&self, work: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        self.in_time(async {
            match work().await {
                Err(error) if error.is_broken_connection() => work().await,
                outcome => outcome,
            }
        })
        .await
    }

    /// Waits for `work`, which uses this pool, no longer than `patience`. Then the statement of the
    /// work is ended, but a commit that has begun is not, and its socket is closed.
    ///
    /// # Errors
    /// Returns [`StoreError::Silent`] if the time is over, and the error of `work` if it fails.
    pub async fn within<T, E: From<StoreError>>(
        &self,
        patience: Duration,
        work: impl Future<Output = Result<T, E>>,
    ) -> Result<T, E> {
        if let Ok(outcome) = timeout(patience, Box::pin(work)).await {
            return outcome;
        }
        self.end_idle().await;
        Err(StoreError::Silent(patience).into())
    }
}

/// The time that a function which answers requests waits for Postgres, including a connection,
/// before it treats Postgres as unreachable. It is shorter than senders wait.
pub const PATIENCE: Duration = Duration::from_secs(5);

/// Begins a transaction of the driver's own type, which the functions of this crate take.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn begin(connection: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    Client::transaction(connection).await.map_err(|e| StoreError::new("transaction.begin", e))
}

/// Begins a transaction that only reads, and sees one snapshot in all of its statements.
///
/// # Errors
/// Returns [`StoreError`] if the statement fails.
pub async fn snapshot(connection: &mut Connection) -> Result<Transaction<'_>, StoreError> {
    let begin = Client::build_transaction(connection).read_only(true);
    let begin = begin.isolation_level(IsolationLevel::RepeatableRead).start().await;
    begin.map_err(|e| StoreError::new("transaction.snapshot", e))
}

/// Commits a transaction, and names a failure.
///
/// # Errors
/// Returns [`StoreError`] if the commit fails. After a broken connection it is not known whether it
/// was committed.
pub async fn commit(tx: Transaction<'_>) -> Result<(), StoreError> {
    tx.commit().await.map_err(|e| StoreError::new("transaction.commit", e))
}

async fn answers(client: &Client) -> bool {
    matches!(timeout(CHECK_TIMEOUT, client.simple_query("")).await, Ok(Ok(_)))
}

/// Reads the wall clock, because the monotonic one may stop while Lambda has frozen the
/// environment.
#[expect(
    clippy::disallowed_methods,
    reason = "measures idleness of a socket; decides nothing about data"
)]
fn wall_clock_millis() -> u64 {
    let since_epoch = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_epoch.as_millis()).unwrap_or(u64::MAX)
}

/// Opens connections for the pool.
struct Dialer {
    source: Arc<dyn LoginSource>,
    /// `None`: the connection is in the clear.
    trust: Option<Arc<Trust>>,
    /// Why the last dial could not begin. The pool takes only the driver's errors.
    missing: Mutex<Option<BoxError>>,
    sockets: Arc<Sockets>,
}

/// A dialer in the hands of the pool.
struct Dialing(Arc<Dialer>);

impl Connect for Dialing {
    fn connect(&self, _: &Config) -> Pin<Box<dyn Future<Output = Connected> + Send + '_>> {
        Box::pin(async move {
            match self.0.dial(false).await {
                Err(e) if refused_login(&e) || refused_certificate(&e) => self.0.dial(true).await,
                other => other,
            }
        })
    }
}

fn refused_login(e: &tokio_postgres::Error) -> bool {
    e.code() == Some(&SqlState::INVALID_PASSWORD)
        || e.code() == Some(&SqlState::INVALID_AUTHORIZATION_SPECIFICATION)
}

impl Dialer {
    /// Returns the error of a connection, with the reason for which the dial did not begin, if that
    /// is why.
    fn explained(&self, error: PoolError) -> StoreError {
        let missing = self.missing.lock().unwrap_or_else(PoisonError::into_inner).take();
        missing.map_or_else(|| error.into(), StoreError::Unavailable)
    }

    /// Fails for want of a login or of roots, with the driver's error of a configuration without a
    /// host.
    async fn not_begun(&self, what: &'static str, why: BoxError) -> Connected {
        tracing::error!(error = %why, "{what}");
        *self.missing.lock().unwrap_or_else(PoisonError::into_inner) = Some(why);
        let (client, connection) = Config::new().connect(NoTls).await?;
        Ok((client, tokio::spawn(async move { report_end(connection.await) })))
    }

    async fn dial(&self, fresh: bool) -> Connected {
        let login = match self.source.login(fresh).await {
            Ok(login) => login,
            Err(e) => return self.not_begun("the database login cannot be read", e).await,
        };
        let connector = match &self.trust {
            None => None,
            Some(trust) => match trust.connector(fresh).await {
                Ok(connector) => Some(connector),
                Err(e) => return self.not_begun("the database roots cannot be used", e).await,
            },
        };
        let mut config = Config::new();
        config
            .host(&login.host)
            .port(login.port)
            .dbname(&login.database)
            .user(&login.user)
            .application_name("penstock")
            .connect_timeout(Duration::from_secs(5))
            .keepalives_idle(Duration::from_secs(30));
        if let Some(password) = &login.password {
            config.password(password.expose_secret());
        }
        match connector {
            None => {
                let (client, connection) = config.connect(NoTls).await?;
                Ok((client, self.run(connection)))
            }
            Some(tls) => {
                config.ssl_mode(tokio_postgres::config::SslMode::Require);
                let (client, connection) = config.connect(tls).await?;
                Ok((client, self.run(connection)))
            }
        }
    }

    /// Runs a connection until its client is gone, Postgres closes it, or its pool hangs up.
    fn run(
        &self,
        connection: impl Future<Output = Result<(), tokio_postgres::Error>> + Send + 'static,
    ) -> JoinHandle<()> {
        let (sockets, open) = (Arc::clone(&self.sockets), self.sockets.open());
        tokio::spawn(async move {
            // Dropped after the connection, which holds the socket.
            let _open = open;
            let connection = connection;
            tokio::select! {
                outcome = connection => report_end(outcome),
                () = sockets.hang_up.notified() => {}
            }
        })
    }
}

fn report_end(outcome: Result<(), tokio_postgres::Error>) {
    if let Err(error) = outcome {
        let error = DriverError::from(error);
        tracing::info!(%error, "the connection to Postgres ended");
    }
}
