//! The template from which every test's database is copied. It is migrated once for each version of
//! the migrations.

use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::sync::Arc;

use jiff::{SignedDuration, Timestamp};
use penstock_store::{Database, Login, StaticLogin, Tls, migrations};
use tokio::sync::OnceCell;
use tokio_postgres::Client;
use uuid::{NoContext, Uuid};

use crate::roles;
use crate::server::{self, Server};

mod embedded {
    refinery::embed_migrations!("../../migrations");
}

/// The key of the advisory lock that lets one process at a time make the template ("penstock" in
/// ASCII).
const LOCK: i64 = 0x7065_6e73_746f_636b;

/// A process that was killed left any test database that is older than this.
const STALE: SignedDuration = SignedDuration::from_hours(1);

const STALE_BUILD: &str = "a migration came or went since penstock-store or penstock-testkit was compiled: \
    touch shared/store/src/migrations.rs shared/testkit/src/template.rs";

/// Tests have clocks of their own: all that is later than the oldest leaf comes into one leaf, for
/// which no day needs another. The empty leaves of the days to come are dropped, because each new
/// connection would read their descriptions, and each copy would copy their files. A test of the
/// leaves themselves makes them again ([`BY_DAY`]).
const LATER: &str = "do $$ \
    declare v_from uuid; v_leaf text; \
    begin \
    select to_id into strict v_from from outbox_leaves where name = 'outbox_before'; \
    for v_leaf in select name from outbox_leaves where name <> 'outbox_before' loop \
        execute format('drop table %I', v_leaf); \
    end loop; \
    create table outbox_later (like outbox including all); \
    alter table outbox_later add unique (source, entity, external_id, version_key); \
    execute format('alter table outbox attach partition outbox_later for values from (%L) to (maxvalue)', v_from); \
    end $$";

/// Makes the leaves of a week, as the migration does, in place of the one that [`LATER`] made.
pub(crate) const BY_DAY: &str = "drop table outbox_later; \
    select make_outbox_leaves(outbox_time_of(to_id), 8) from outbox_leaves where name = 'outbox_before'";

static NAME: OnceCell<String> = OnceCell::const_new();

/// Returns the template's name, and makes the template first if it does not exist.
pub(crate) async fn ensure(server: &Server) -> &'static str {
    NAME.get_or_init(|| make(server)).await
}

async fn make(server: &Server) -> String {
    let checksums = checksums();
    let name = format!("penstock_template_{:016x}", fingerprint(&checksums));
    let admin = server.admin().await;
    admin.execute("select pg_advisory_lock($1)", &[&LOCK]).await.expect("the template's lock");
    drop_what_was_left_behind(&admin).await;
    if !is_sealed(&admin, &name).await {
        // A template without the seal was left by a process that died while it made it.
        run(&admin, &format!("drop database if exists {name} with (force)")).await;
        run(&admin, &format!("create database {name} template template0")).await;
        fill(&server.login(&name), &checksums).await;
        seal(&admin, &name).await;
    }
    admin
        .execute("select pg_advisory_unlock($1)", &[&LOCK])
        .await
        .expect("the template's lock is given back");
    name
}

/// Applies the migrations up to `version`.
pub(crate) async fn migrate_to(version: i32, client: &mut Client) {
    let target = refinery::Target::Version(version);
    let runner = embedded::migrations::runner().set_target(target);
    runner.run_async(client).await.expect("the older migrations");
}

async fn is_sealed(admin: &Client, name: &str) -> bool {
    let sealed = "select from pg_database where datname = $1 and datistemplate";
    admin.query_opt(sealed, &[&name]).await.expect("the list of databases").is_some()
}

async fn fill(login: &Login, checksums: &[String]) {
    let database =
        Database::new(Arc::new(StaticLogin(login.clone())), Tls::Disable, None, 2).expect("a pool");
    migrations::migrate(&database).await.expect("the migrations");
    run(&server::connect(login).await, LATER).await;
    roles::make(&mut database.connection().await.expect("a connection")).await;
    let client = server::connect(login).await;
    let history = "select coalesce(array_agg(checksum::text order by version), '{}') from refinery_schema_history";
    let applied: Vec<String> =
        client.query_one(history, &[]).await.expect("the migrations' history").get(0);
    assert_eq!(applied, checksums, "{STALE_BUILD}");
    // The planner then treats the copies like a database that has been up for a while.
    run(&client, "vacuum (freeze, analyze)").await;
    drop(client);
    // The first connection since then writes what all later ones read in place of the catalogue.
    // A copy of the template has it too.
    run(&server::connect(login).await, "select 1").await;
}

/// Forbids connections from here on: one open connection would make every copy fail.
async fn seal(admin: &Client, name: &str) {
    run(admin, &format!("alter database {name} with allow_connections false")).await;
    let connected =
        "select pg_terminate_backend(pid, 5000) from pg_stat_activity where datname = $1";
    admin.execute(connected, &[&name]).await.expect("the last connections to the template end");
    run(admin, &format!("alter database {name} with is_template true")).await;
}

/// Drops stale databases of tests. A name is `t_` and a UUID v7, so names sort by the time at which
/// they were made.
#[expect(
    clippy::disallowed_methods,
    reason = "the age of a database on the server, nothing that is tested"
)]
async fn drop_what_was_left_behind(admin: &Client) {
    let before = Timestamp::now() - STALE;
    let seconds = u64::try_from(before.as_second()).expect("a clock past 1970");
    let newest = name_at(Uuid::new_v7(uuid::Timestamp::from_unix(NoContext, seconds, 0)));
    let stale = "select datname::text from pg_database d where datname ~ '^t_[0-9a-f]{32}$' \
                 and datname::text collate \"C\" < $1 \
                 and not exists (select from pg_stat_activity a where a.datname = d.datname)";
    for row in admin.query(stale, &[&newest]).await.expect("the list of databases") {
        let name: String = row.get(0);
        // Another process may have connected since or dropped it; then the drop fails, as it
        // should.
        let _ = admin.batch_execute(&format!("drop database if exists {name}")).await;
    }
}

/// Returns a database name that no other test has ever had or will have.
pub(crate) fn unique_name() -> String {
    name_at(Uuid::now_v7())
}

fn name_at(id: Uuid) -> String {
    format!("t_{}", id.simple())
}

pub(crate) async fn run(client: &Client, sql: &str) {
    if let Err(e) = client.batch_execute(sql).await {
        panic!("`{sql}` failed: {e:?}");
    }
}

/// Returns the checksums that identify this version of the migrations.
///
/// They are those of compile time. A file that is edited while the tests run must not give a
/// template the wrong name.
fn checksums() -> Vec<String> {
    let mut migrations = embedded::migrations::runner().get_migrations().clone();
    migrations.sort_by_key(refinery::Migration::version);
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
    let files = std::fs::read_dir(&folder).expect("the folder of the migrations");
    let files = files
        .filter_map(Result::ok)
        .filter(|file| file.path().extension().is_some_and(|e| e == "sql"));
    assert_eq!(migrations.len(), files.count(), "{STALE_BUILD}");
    migrations.iter().map(|migration| migration.checksum().to_string()).collect()
}

fn fingerprint(checksums: &[String]) -> u64 {
    let mut hasher = DefaultHasher::new();
    checksums.hash(&mut hasher);
    penstock_store::roles::GRANTS.hash(&mut hasher);
    LATER.hash(&mut hasher);
    hasher.finish()
}
