//! TLS to a Postgres whose authority is not a public one, as RDS and Aurora have it.

use std::error::Error;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use penstock_store::{Database, Login, RootsSource, StaticLogin, StoreError, Tls};
use penstock_testkit::{Authority, TestDatabase, TlsFront};

/// Roots as they were read first, and as they are kept now.
struct Kept {
    read: Mutex<String>,
    now: Mutex<String>,
    fresh_reads: AtomicUsize,
}

impl Kept {
    fn of(pem: &str) -> Arc<Self> {
        let pem = || Mutex::new(pem.to_owned());
        Arc::new(Self { read: pem(), now: pem(), fresh_reads: AtomicUsize::new(0) })
    }
}

impl RootsSource for Kept {
    fn roots(
        &self,
        fresh: bool,
    ) -> Pin<Box<dyn Future<Output = Result<Vec<u8>, Box<dyn Error + Send + Sync>>> + Send + '_>>
    {
        if fresh {
            self.fresh_reads.fetch_add(1, Ordering::SeqCst);
            self.read.lock().unwrap().clone_from(&self.now.lock().unwrap());
        }
        let pem = self.read.lock().unwrap().clone().into_bytes();
        Box::pin(async { Ok(pem) })
    }
}

fn pool(login: Login, roots: Option<Arc<dyn RootsSource>>) -> Database {
    Database::new(Arc::new(StaticLogin(login)), Tls::Require, roots, 1).unwrap()
}

async fn front(database: &TestDatabase, authority: &Authority, host: &str) -> TlsFront {
    TlsFront::start(database.login(), authority, host).await
}

/// The whole reason for which there is no connection.
async fn refusal(pool: &Database) -> String {
    let error = pool.connection().await.map(drop).unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    let causes = std::iter::successors(Some(&error as &dyn Error), |&cause| cause.source());
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

#[tokio::test]
async fn a_database_is_believed_by_the_roots_that_are_given_and_not_without_them() {
    let database = TestDatabase::empty().await;
    let authority = Authority::new();
    let front = front(&database, &authority, "localhost").await;
    // A bundle has several roots, and remarks between them.
    let bundle = format!("another one\n{}\nours\n{}", Authority::new().pem(), authority.pem());
    let pool_with = |pem: &str| pool(front.login(), Some(Kept::of(pem)));
    let connection = pool_with(&bundle).connection().await.unwrap();
    assert_eq!(connection.query_one("select 1", &[]).await.unwrap().get::<_, i32>(0), 1);

    let unknown = "invalid peer certificate: UnknownIssuer";
    let public = refusal(&pool(front.login(), None)).await;
    assert!(public.contains(unknown), "the system's roots do not know it: {public}");
    let other = refusal(&pool_with(&Authority::new().pem())).await;
    assert!(other.contains(unknown), "{other}");
}

#[tokio::test]
async fn a_certificate_of_another_host_is_refused() {
    let database = TestDatabase::empty().await;
    let authority = Authority::new();
    let front = front(&database, &authority, "elsewhere.example.com").await;
    let roots = Kept::of(&authority.pem());
    let refusal = refusal(&pool(front.login(), Some(roots))).await;
    assert!(refusal.contains("certificate not valid for name \"localhost\""), "{refusal}");
}

#[tokio::test]
async fn roots_that_hold_no_certificate_say_so() {
    let database = TestDatabase::empty().await;
    let front = front(&database, &Authority::new(), "localhost").await;
    let none = "no connection to Postgres: the roots for Postgres hold no certificate in PEM";
    let key = "-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n";
    for pem in ["", "{\"pem\":\"…\"}", key] {
        assert_eq!(refusal(&pool(front.login(), Some(Kept::of(pem)))).await, none);
    }
    let cut = format!(
        "{}-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
        Authority::new().pem()
    );
    let refusal = refusal(&pool(front.login(), Some(Kept::of(&cut)))).await;
    assert!(refusal.contains("certificate 2 of the roots for Postgres: "), "{refusal}");
}

#[tokio::test]
async fn roots_are_read_again_once_where_the_certificate_is_of_a_newer_authority() {
    let database = TestDatabase::empty().await;
    let (older, newer) = (Authority::new(), Authority::new());
    let front = front(&database, &older, "localhost").await;
    let roots = Kept::of(&older.pem());
    let pool = pool(front.login(), Some(roots.clone()));
    drop(pool.connection().await.unwrap());
    front.certify(&newer, "localhost");
    roots.now.lock().unwrap().clone_from(&newer.pem());
    pool.close_idle();
    drop(pool.connection().await.unwrap());
    assert_eq!(roots.fresh_reads.load(Ordering::SeqCst), 1);
    // Nobody's roots: asked once more, not again and again.
    front.certify(&Authority::new(), "localhost");
    pool.close_idle();
    assert!(refusal(&pool).await.contains("UnknownIssuer"));
    assert_eq!(roots.fresh_reads.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_statement_that_is_given_up_is_ended_over_tls_too() {
    let database = TestDatabase::empty().await;
    let authority = Authority::new();
    let front = front(&database, &authority, "localhost").await;
    let pool = pool(front.login(), Some(Kept::of(&authority.pem())));
    let sleep = async {
        let connection = pool.connection().await?;
        connection.batch_execute("select pg_sleep(600)").await.unwrap();
        Ok::<_, StoreError>(())
    };
    let began = Instant::now();
    let outcome = pool.within(Duration::from_millis(300), sleep).await;
    assert!(matches!(outcome, Err(StoreError::Silent(_))), "{outcome:?}");
    // Of this database: other tests sleep in theirs.
    let asleep = "select count(*) from pg_stat_activity where query like '%pg_sleep(600)%' and state = 'active' \
                  and datname = current_database() and pid <> pg_backend_pid()";
    while database.scalar::<i64>(asleep).await > 0 {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    // It would sleep for ten minutes.
    assert!(began.elapsed() < Duration::from_secs(60));
}
