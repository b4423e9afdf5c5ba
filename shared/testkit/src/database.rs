//! A database for each test.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use penstock_store::{Database, Login, StaticLogin, Tls};
use tokio_postgres::error::SqlState;
use tokio_postgres::types::FromSqlOwned;
use tokio_postgres::{Client, Error, Row};

use crate::server::{self, Server};
use crate::template::{self, run};

/// A database that belongs to one test. It is created with this value and dropped with it.
#[derive(Debug)]
pub struct TestDatabase {
    server: Server,
    name: String,
    /// A connection that [`scalar`](Self::scalar) opened and does not use now. A new one costs
    /// Postgres as much as twenty queries.
    idle: Mutex<Option<Client>>,
}

/// How long a backend that was told to end, or a transaction, is given before the next look.
const BETWEEN_LOOKS: Duration = Duration::from_millis(2);

/// Looks after which `drop database` waits for the backends itself.
const MOST_LOOKS: usize = 500;

impl TestDatabase {
    /// Creates a migrated database, copied from the template.
    ///
    /// # Panics
    ///
    /// If `DATABASE_URL` is not set or its server does not answer.
    pub async fn new() -> Self {
        let server = Server::from_environment();
        let template = template::ensure(&server).await;
        Self::create(server, template).await
    }

    /// Creates a database without any table, for the tests of the migrations themselves.
    ///
    /// # Panics
    ///
    /// As [`TestDatabase::new`].
    pub async fn empty() -> Self {
        Self::create(Server::from_environment(), "template0").await
    }

    /// Creates a database whose schema is that of an older release, up to the migration `version`.
    ///
    /// # Panics
    ///
    /// As [`TestDatabase::new`], or if a migration fails.
    pub async fn of_version(version: i32) -> Self {
        let database = Self::empty().await;
        template::migrate_to(version, &mut database.client().await).await;
        database
    }

    /// Applies the migrations up to `version` to a database of an older release.
    ///
    /// # Panics
    ///
    /// If a migration fails.
    pub async fn migrate_to(&self, version: i32) {
        template::migrate_to(version, &mut self.client().await).await;
    }

    /// Makes the leaves of a week in place of the one that takes the rows of all later days, for
    /// tests of the leaves themselves. Returns the beginning of the first day that has a leaf of
    /// its own.
    ///
    /// # Panics
    ///
    /// If the database is not migrated.
    pub async fn by_day(&self) -> Timestamp {
        run(&self.client().await, template::BY_DAY).await;
        let first = "select outbox_time_of(to_id) from outbox_leaves where name = 'outbox_before'";
        self.scalar(first).await
    }

    /// Copies by file, not by WAL. Measured in the server of `make test` (Postgres 18, without
    /// fsync, 2 busy cores): a file copy takes 27 to 35 ms, alone or with three at once. A copy by
    /// WAL takes 50 to 76 ms alone and 145 ms with three.
    async fn create(server: Server, template: &str) -> Self {
        let name = template::unique_name();
        let admin = server.admin().await;
        run(&admin, &format!("create database {name} template {template} strategy file_copy"))
            .await;
        Self { server, name, idle: Mutex::default() }
    }

    /// Copies the database as it is now. Connections to it end; who needs one makes another.
    ///
    /// # Panics
    ///
    /// If somebody connects again while it is copied.
    pub async fn back_up(&self) -> Self {
        end_backends(&self.server.admin().await, &self.name).await;
        Self::create(self.server.clone(), &self.name).await
    }

    /// Puts a backup in the place of the database, under its name, so that logins stay right.
    ///
    /// # Panics
    ///
    /// If somebody connects again meanwhile.
    pub async fn restore(&self, mut backup: Self) {
        let admin = self.server.admin().await;
        drop(backup.idle.lock().unwrap_or_else(PoisonError::into_inner).take());
        for name in [&self.name, &backup.name] {
            end_backends(&admin, name).await;
        }
        let (name, before) = (&self.name, template::unique_name());
        run(&admin, &format!("alter database {name} rename to {before}")).await;
        run(&admin, &format!("alter database {} rename to {name}", backup.name)).await;
        backup.name = before;
    }

    /// Returns a pool of at most `size` connections of the owner, without TLS.
    pub fn database(&self, size: usize) -> Database {
        Database::new(Arc::new(StaticLogin(self.login())), Tls::Disable, None, size)
            .expect("a pool")
    }

    /// Returns a pool of at most `size` connections under the login of a function, which may do
    /// what it may in a deployment.
    pub fn database_of(&self, function: &str, size: usize) -> Database {
        let login = Arc::new(StaticLogin(self.login_of(function)));
        Database::new(login, Tls::Disable, None, size).expect("a pool")
    }

    /// Returns the login of a function to this database.
    pub fn login_of(&self, function: &str) -> Login {
        self.server.login_of(function, &self.name)
    }

    /// Returns the login of a function as a URL, for its environment.
    pub fn url_of(&self, function: &str) -> String {
        server::url(&self.login_of(function))
    }

    /// Returns the login of the owner to this database.
    pub fn login(&self) -> Login {
        self.server.login(&self.name)
    }

    /// Returns the same login as a URL, for a function's environment.
    pub fn url(&self) -> String {
        server::url(&self.login())
    }

    /// Opens a connection outside any pool, to read what the code under test has written.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub async fn client(&self) -> Client {
        server::connect(&self.login()).await
    }

    /// Returns the first column of the one row that `sql` returns.
    ///
    /// # Panics
    ///
    /// If the statement fails, or returns no row or several.
    pub async fn scalar<T: FromSqlOwned>(&self, sql: &str) -> T {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).take();
        let (client, row) = match idle {
            Some(client) => match client.query_one(sql, &[]).await {
                // A test may have ended it.
                Err(e) if e.code().is_none_or(|code| *code == SqlState::ADMIN_SHUTDOWN) => {
                    self.answered(sql).await
                }
                row => (client, row),
            },
            None => self.answered(sql).await,
        };
        let value = row.unwrap_or_else(|e| panic!("`{sql}` failed: {e:?}")).get(0);
        *self.idle.lock().unwrap_or_else(PoisonError::into_inner) = Some(client);
        value
    }

    async fn answered(&self, sql: &str) -> (Client, Result<Row, Error>) {
        let client = self.client().await;
        let row = client.query_one(sql, &[]).await;
        (client, row)
    }

    /// Waits until all transactions are over that are open now. Those of other databases of the
    /// server hold the horizon of snapshots too.
    ///
    /// # Panics
    ///
    /// If the server does not answer.
    pub async fn until_over(&self) {
        let client = self.client().await;
        let own = "select pg_current_xact_id()::text::bigint";
        let own: i64 = client.query_one(own, &[]).await.expect("a transaction").get(0);
        let over = "select pg_snapshot_xmin(pg_current_snapshot())::text::bigint > $1";
        while !client.query_one(over, &[&own]).await.expect("a horizon").get::<_, bool>(0) {
            tokio::time::sleep(BETWEEN_LOOKS).await;
        }
    }

    /// Asserts, at the end of a test, that no outbox row is pending: each is processed, or dead
    /// with a reason.
    ///
    /// # Panics
    ///
    /// If an outbox row is pending. The message names the first ten rows and their last errors.
    pub async fn assert_nothing_waits(&self) {
        let pending = "select format('%s/%s/%s version %s, attempts %s, last error: %s', source, entity, external_id, \
                       version_key, attempts, coalesce(last_error, 'none')) \
                       from outbox where status = 'pending' order by id limit 10";
        let rows = self.client().await.query(pending, &[]).await.expect("the outbox");
        let rows: Vec<String> = rows.iter().map(|row| row.get(0)).collect();
        assert!(
            rows.is_empty(),
            "still pending in the outbox (the first 10):\n{}",
            rows.join("\n")
        );
    }
}

impl Drop for TestDatabase {
    /// Drops the database on a thread of its own, since the test's runtime may be shutting down.
    fn drop(&mut self) {
        let (server, name) = (self.server.clone(), self.name.clone());
        let dropped = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_current_thread()
                .enable_all()
                .build()
                .expect("a runtime");
            runtime.block_on(async {
                let admin = server.admin().await;
                end_backends(&admin, &name).await;
                run(&admin, &format!("drop database if exists {name} with (force)")).await;
            });
        })
        .join();
        // A second panic in a test that is failing already would abort the process and hide the
        // first.
        assert!(
            dropped.is_ok() || std::thread::panicking(),
            "database {} was not dropped",
            self.name
        );
    }
}

/// Ends all connections to a database, and waits until they have ended. `drop database` would wait
/// for them by a tenth of a second at a time.
async fn end_backends(admin: &Client, name: &str) {
    let end = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = $1";
    for _ in 0..MOST_LOOKS {
        match admin.query_one(end, &[&name]).await {
            Ok(row) if row.get::<_, i64>(0) > 0 => tokio::time::sleep(BETWEEN_LOOKS).await,
            _ => return,
        }
    }
}
