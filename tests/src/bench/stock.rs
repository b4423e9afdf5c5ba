//! A database full of pending rows, and copies of it.

use std::sync::Arc;

use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::OutboxId;
use penstock_domain::ticket::Ticket;
use penstock_store::{Database, Login, StaticLogin, Tls};
use penstock_testkit::TestDatabase;
use tokio_postgres::types::FromSqlOwned;

use crate::simulators::stripe::{AccountSpec, StripeAccount};
use crate::test_app::TestApp;

/// Messages in an event, as the template configures the event source.
pub(super) const MESSAGES: usize = 10;

/// The bounds of the simulated year, Unix seconds: 2025 in UTC.
pub(super) const YEAR: (i64, i64) = (1_735_689_600, 1_767_225_600);

/// A year of objects in the outbox, all pending, and the tickets for them.
pub(super) struct Stock {
    db: TestDatabase,
    batches: Vec<Batch>,
}

/// The contents of one SQS event.
pub(super) struct Batch {
    pub bodies: Vec<String>,
    /// The rows that the messages name.
    pub ids: Vec<OutboxId>,
}

impl Stock {
    /// Pulls an account of `charges` through `fetch`: a year in lists, then live changes as events.
    pub(super) async fn of(charges: u32) -> Self {
        let spec = AccountSpec::between(2, charges, YEAR.0, YEAR.1).at(YEAR.1).punctual();
        let app = TestApp::with_settings(StripeAccount::new(spec), &[]).await;
        app.fetch_all().await.expect("the simulator is pulled");
        // Within the minutes that a first incremental run looks back.
        for _ in 0..250 {
            app.stripe.change(charges / 500);
            app.stripe.advance(1);
        }
        app.fetch("event", Mode::Incremental).await.expect("the events are pulled");
        let mut tickets = app.tickets.take();
        // In arbitrary order, as SQS delivers them, so that lists and events meet in one batch.
        fastrand::Rng::with_seed(3).shuffle(&mut tickets);
        let TestApp { db, .. } = app;
        run(&db.client().await, "vacuum (freeze, analyze)").await;
        Self { db, batches: tickets.chunks(MESSAGES).map(Batch::of).collect() }
    }

    /// Returns the tickets in batches, as SQS delivers them.
    pub(super) fn batches(&self) -> &[Batch] {
        &self.batches
    }

    /// Opens a connection to the stock itself.
    pub(super) async fn client(&self) -> tokio_postgres::Client {
        self.db.client().await
    }

    /// Describes the number of rows of each entity, lists and events apart.
    pub(super) async fn contents(&self) -> String {
        self.db
            .scalar(
                "select string_agg(format('%s %s of %s bytes', n, what, bytes), ', ' order by what) from ( \
                 select count(*) as n, avg(length(payload))::int as bytes, \
                        entity || case when version_key like 'run:%' then ' listed' else ' events' end as what \
                   from outbox group by 3) c",
            )
            .await
    }

    /// Copies the database. No row of the copy is processed.
    pub(super) async fn copy(&self) -> Copy {
        let login = self.db.login();
        let admin = one(Login { database: "postgres".to_owned(), ..login.clone() });
        let name = format!("{}_copy", login.database);
        let sql = [
            format!("drop database if exists {name} with (force)"),
            format!(
                "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = '{}'",
                login.database
            ),
            format!("create database {name} template {} strategy file_copy", login.database),
        ];
        let connection = admin.connection().await.expect("the maintenance database");
        for statement in &sql {
            run(&connection, statement).await;
        }
        let copy = Copy { login: Login { database: name, ..login } };
        // Read into memory, so that the first worker does not pay for the disk reads of all.
        copy.run("select sum(length(payload)) from outbox").await;
        copy
    }
}

impl Batch {
    fn of(bodies: &[String]) -> Self {
        let ids = bodies.iter().flat_map(|b| Ticket::parse(b).expect("a ticket").ids);
        Self { ids: ids.collect(), bodies: bodies.to_vec() }
    }
}

/// A copy of the stock. The next copy replaces it.
pub(super) struct Copy {
    login: Login,
}

impl Copy {
    /// Returns the login to the copy.
    pub(super) fn login(&self) -> Login {
        self.login.clone()
    }

    /// Returns a pool of one connection, as in a Lambda environment.
    pub(super) fn database(&self) -> Database {
        one(self.login())
    }

    /// Runs SQL that is not part of the measurement.
    pub(super) async fn run(&self, sql: &str) {
        run(&self.database().connection().await.expect("the copy"), sql).await;
    }

    /// Returns a digest of the payments' money, without the raw status. Two versions of the same
    /// second may agree on the money and differ in the raw status. A hash then decides, and the two
    /// workers hash differently.
    pub(super) async fn digest(&self) -> String {
        self.scalar(
            "select format('%s payments, %s', count(*), md5(string_agg(concat_ws('|', kind, external_id, amount, \
             currency, status, occurred_at, version_at), E'\\n' order by kind, external_id))) from payments",
        )
        .await
    }

    /// Returns the first column of the one row that `sql` returns.
    pub(super) async fn scalar<T: FromSqlOwned>(&self, sql: &str) -> T {
        let database = self.database();
        let connection = database.connection().await.expect("the copy");
        connection.query_one(sql, &[]).await.expect("a row").get(0)
    }
}

/// Returns a pool of one connection.
pub(super) fn one(login: Login) -> Database {
    Database::new(Arc::new(StaticLogin(login)), Tls::Disable, None, 1).expect("a pool")
}

/// Runs SQL that is not part of the measurement.
pub(super) async fn run(on: &tokio_postgres::Client, sql: &str) {
    if let Err(e) = on.batch_execute(sql).await {
        panic!("`{sql}` failed: {e:?}");
    }
}
