//! The pool, with connections that die and logins that change.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use penstock_store::{Database, Login, LoginSource, StaticLogin, StoreError, Tls};
use penstock_testkit::{CuttingProxy, TestDatabase};
use tokio::runtime::{Builder, Runtime};
use tokio::time::timeout;
use tokio_postgres::error::SqlState;

fn pool(login: Login, size: usize) -> Database {
    Database::new(Arc::new(StaticLogin(login)), Tls::Disable, None, size).unwrap()
}

async fn backend(pool: &Database) -> i32 {
    let connection = pool.connection().await.unwrap();
    connection.query_one("select pg_backend_pid()", &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn trap_44_a_connection_that_died_while_idle_is_replaced_without_an_error() {
    let database = TestDatabase::empty().await;
    let proxy = CuttingProxy::start(database.login()).await;
    let pool = pool(proxy.login(), 1).checked_after(Duration::ZERO);
    let before = backend(&pool).await;
    proxy.drop_connections().await;
    assert_ne!(backend(&pool).await, before);
    assert_eq!(proxy.connections(), 2);
}

#[tokio::test]
async fn trap_44_a_connection_whose_peer_went_away_unseen_is_replaced_without_an_error() {
    let database = TestDatabase::empty().await;
    let proxy = CuttingProxy::start(database.login()).await;
    let pool = pool(proxy.login(), 1).checked_after(Duration::ZERO);
    let before = backend(&pool).await;
    proxy.freeze_connections();
    // The time-out is only for the day this fails: nothing ever comes from a frozen connection.
    let after = timeout(Duration::from_secs(60), backend(&pool)).await.unwrap();
    assert_ne!(after, before);
    // Two more may have asked Postgres to end what the frozen one had under way.
    assert!((2..=4).contains(&proxy.connections()));
}

#[tokio::test]
async fn a_live_connection_is_used_again_however_long_it_was_idle() {
    let database = TestDatabase::empty().await;
    let proxy = CuttingProxy::start(database.login()).await;
    let pool = pool(proxy.login(), 1).checked_after(Duration::ZERO);
    let before = backend(&pool).await;
    assert_eq!(backend(&pool).await, before);
    assert_eq!(proxy.connections(), 1);
}

#[tokio::test]
async fn a_pool_of_one_never_opens_two_connections() {
    let database = TestDatabase::empty().await;
    let proxy = CuttingProxy::start(database.login()).await;
    let pool = pool(proxy.login(), 1);
    let tasks: Vec<_> = (0..20)
        .map(|_| {
            let pool = pool.clone();
            tokio::spawn(async move { backend(&pool).await })
        })
        .collect();
    for task in tasks {
        task.await.unwrap();
    }
    assert_eq!(proxy.connections(), 1);
}

/// Longer than a busy machine takes for a statement that takes no time.
const GIVEN_UP: Duration = Duration::from_secs(2);

#[tokio::test]
async fn trap_69_work_that_takes_too_long_is_ended_and_its_connection_is_free_again() {
    let database = TestDatabase::empty().await;
    let pool = pool(database.login(), 1).giving_up_after(GIVEN_UP);
    let connection = pool.connection().await.unwrap();
    let (first, second) = tokio::join!(
        connection.simple_query("select pg_sleep(600)"),
        connection.simple_query("select pg_sleep(600)"),
    );
    for ended in [first, second] {
        assert_eq!(ended.unwrap_err().code(), Some(&SqlState::QUERY_CANCELED));
    }
    drop(connection);
    // What is back in time is left alone.
    let backend_before = backend(&pool).await;
    tokio::time::sleep(GIVEN_UP * 3 / 2).await;
    assert_eq!(backend(&pool).await, backend_before);
}

#[tokio::test]
async fn work_over_which_postgres_is_silent_fails_and_the_next_has_another_connection() {
    let database = TestDatabase::empty().await;
    let proxy = CuttingProxy::start(database.login()).await;
    let pool = pool(proxy.login(), 1).giving_up_after(GIVEN_UP);
    let connection = pool.connection().await.unwrap();
    proxy.freeze_connections();
    let silent = timeout(Duration::from_secs(60), connection.simple_query("select 1")).await;
    assert!(silent.unwrap().unwrap_err().is_closed());
    drop(connection);
    timeout(Duration::from_secs(60), backend(&pool)).await.unwrap();
}

/// A runtime that stands still between two calls of `block_on`, as a frozen environment does.
fn environment() -> Runtime {
    Builder::new_current_thread().enable_all().build().unwrap()
}

/// Asserts that of the proxy's connections only `count` are open, or soon are: what it sees of a
/// socket that is closed takes the time of a loopback.
fn assert_open(outside: &Runtime, proxy: &CuttingProxy, count: u64) {
    let seen =
        outside.block_on(async { timeout(Duration::from_secs(60), proxy.until_open(count)).await });
    assert!(seen.is_ok(), "a socket is open");
}

/// Has the first statement of a connection take longer than anyone waits for it.
async fn left_behind(pool: &Database) {
    let connection = pool.connection().await.unwrap();
    let sleep = connection.simple_query("select pg_sleep(600)");
    assert!(timeout(Duration::from_millis(100), sleep).await.is_err());
}

#[test]
fn trap_69_the_socket_of_work_that_is_given_up_is_closed_before_anything_else_is_done() {
    let (outside, frozen) = (Runtime::new().unwrap(), environment());
    let database = outside.block_on(TestDatabase::empty());
    let proxy = outside.block_on(CuttingProxy::start(database.login()));
    let pool = pool(proxy.login(), 1);
    frozen.block_on(async {
        backend(&pool).await;
        proxy.silencer()();
        let given_up = pool.within(Duration::from_millis(100), async {
            left_behind(&pool).await;
            std::future::pending::<Result<(), StoreError>>().await
        });
        assert!(matches!(given_up.await, Err(StoreError::Silent(_))));
    });
    assert_open(&outside, &proxy, 0);
}

#[test]
fn trap_69_the_socket_of_a_connection_that_is_found_busy_is_closed_before_another_is_handed_out() {
    let (outside, frozen) = (Runtime::new().unwrap(), environment());
    let database = outside.block_on(TestDatabase::empty());
    let proxy = outside.block_on(CuttingProxy::start(database.login()));
    let pool = pool(proxy.login(), 1).checked_after(Duration::ZERO);
    let another = frozen.block_on(async {
        left_behind(&pool).await;
        proxy.freeze_connections();
        pool.connection().await.unwrap()
    });
    assert_open(&outside, &proxy, 1);
    drop(another);
}

/// The cache of a secret: gives `cached` until a fresh one is asked for.
struct Rotated {
    cached: Login,
    fresh: Login,
    read_again: AtomicUsize,
}

impl Rotated {
    fn new(cached: Login, fresh: Login) -> Arc<Self> {
        Arc::new(Self { cached, fresh, read_again: AtomicUsize::new(0) })
    }
}

type LoginResult = Result<Login, Box<dyn std::error::Error + Send + Sync>>;

impl LoginSource for Rotated {
    fn login(&self, fresh: bool) -> Pin<Box<dyn Future<Output = LoginResult> + Send + '_>> {
        let read_again =
            self.read_again.fetch_add(usize::from(fresh), Ordering::SeqCst) + usize::from(fresh);
        let login = if read_again > 0 { &self.fresh } else { &self.cached };
        Box::pin(async { Ok(login.clone()) })
    }
}

/// A login that the server refuses. A server that trusts this machine asks for no password, so no
/// password is wrong. It refuses an unknown role with SQLSTATE 28000, on the same path as a wrong
/// password's 28P01.
fn stale(login: &Login) -> Login {
    Login { user: "rotated_away".to_owned(), ..login.clone() }
}

#[tokio::test]
async fn trap_46_a_rotated_password_is_read_again_once() {
    let database = TestDatabase::empty().await;
    let source = Rotated::new(stale(&database.login()), database.login());
    let pool = Database::new(source.clone(), Tls::Disable, None, 2).unwrap();
    let (one, other) = (pool.connection().await, pool.connection().await);
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(source.read_again.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn trap_46_a_password_that_is_still_wrong_is_not_read_again_and_again() {
    let database = TestDatabase::empty().await;
    let wrong = stale(&database.login());
    let source = Rotated::new(wrong.clone(), wrong);
    let pool = Database::new(source.clone(), Tls::Disable, None, 1).unwrap();
    assert!(matches!(pool.connection().await, Err(StoreError::Unavailable(_))));
    assert_eq!(source.read_again.load(Ordering::SeqCst), 1);
}
