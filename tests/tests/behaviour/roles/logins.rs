//! The logins that `migrate` makes, rotates and refuses.

use std::sync::Arc;

use migrate::{FunctionLogin, MigrateError, Ports, Report, Request};
use penstock_clients::secret::Secret;
use penstock_store::roles::limits::Idle;
use penstock_store::roles::{self, RolesError};
use penstock_store::{Database, Login, StaticLogin, Tls};
use penstock_testkit::TestDatabase;
use penstock_tests::clock::StoppedClock;
use penstock_tests::test_app::issuer;

use crate::metrics::noon;

fn pool(login: &Login) -> Database {
    Database::new(Arc::new(StaticLogin(login.clone())), Tls::Disable, None, 2).unwrap()
}

/// A role of this test alone: roles belong to the whole server.
fn named(database: &TestDatabase, name: &str, password: &str) -> Login {
    let login = database.login();
    Login {
        user: format!("{}_{name}", login.database),
        password: Some(password.to_owned().into()),
        ..login
    }
}

/// The login of each function, as a stack's secrets have them.
fn logins(database: &TestDatabase, password: &str) -> Vec<FunctionLogin> {
    let login = |function: &'static str| {
        let login = named(database, function, password);
        FunctionLogin { function, database: pool(&login), source: Arc::new(StaticLogin(login)) }
    };
    roles::functions().into_iter().map(login).collect()
}

/// Deploys as `migrator`.
async fn deploy(
    migrator: &Login,
    logins: Vec<FunctionLogin>,
    own_logins: bool,
) -> Result<Report, MigrateError> {
    let ports = Ports {
        database: pool(migrator),
        business_zone: "UTC".to_owned(),
        bootstrap_keys: None::<Secret>,
        issuer: issuer(),
        logins,
        own_logins,
        idle: Idle::from_seconds(7).unwrap(),
        clock: StoppedClock(noon()),
    };
    ports.handle(Request::default()).await
}

#[tokio::test]
async fn a_login_that_leads_to_another_database_is_none_that_works() {
    let (database, another) = (TestDatabase::new().await, TestDatabase::empty().await);
    let elsewhere = || {
        logins(&database, "first").into_iter().map(|login| {
            let named = named(&database, login.function, "first");
            let lost = Login { database: another.login().database, ..named };
            FunctionLogin { database: pool(&lost), ..login }
        })
    };
    let refused = deploy(&database.login(), elsewhere().collect(), true).await;
    assert!(matches!(refused, Err(MigrateError::CannotLogIn { .. })), "{refused:?}");
    let report = deploy(&database.login(), logins(&database, "first"), true).await.unwrap();
    assert!(report.logins.iter().all(|login| login.works), "{:?}", report.logins);
    drop_roles(&database).await;
}

/// The roles' passwords, as Postgres keeps them.
async fn passwords(database: &TestDatabase) -> Vec<String> {
    let sql = "select rolname || ' ' || rolpassword from pg_authid \
               where starts_with(rolname, current_database() || '_') order by 1";
    database.client().await.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

async fn run(database: &TestDatabase, sql: &str) {
    database.client().await.batch_execute(sql).await.unwrap_or_else(|e| panic!("{sql}: {e:?}"));
}

/// Drops the roles of this test, which would outlive its database.
async fn drop_roles(database: &TestDatabase) {
    let sql = "do $$ declare r text; begin \
               for r in select rolname from pg_roles where starts_with(rolname, current_database() || '_') \
                        order by rolname desc loop \
                   execute format('reassign owned by %I to current_user', r); \
                   execute format('drop owned by %I cascade', r); \
                   execute format('drop role %I', r); \
               end loop; end $$";
    run(database, sql).await;
}

#[tokio::test]
async fn a_deployment_makes_each_login_once_and_leaves_a_password_that_works() {
    let database = TestDatabase::new().await;
    let report = deploy(&database.login(), logins(&database, "first"), true).await.unwrap();
    assert_eq!(report.logins.len(), roles::functions().len());
    assert!(report.logins.iter().all(|login| login.works), "{:?}", report.logins);
    let made = passwords(&database).await;
    assert!(made.iter().all(|line| line.contains(" SCRAM-SHA-256$4096:")), "{made:?}");
    deploy(&database.login(), logins(&database, "first"), true).await.unwrap();
    assert_eq!(passwords(&database).await, made);
    let metrics = pool(&named(&database, "metrics", "first")).connection().await.unwrap();
    metrics.batch_execute("select status from payments").await.unwrap();
    metrics.batch_execute("delete from payments").await.unwrap_err();
    // Logins that do not work get the password of their secrets. This server checks none, so that
    // a port on which nothing listens stands for a refusal.
    let refused = logins(&database, "second").into_iter().map(|login| {
        let nowhere = Login { port: 1, ..named(&database, login.function, "second") };
        FunctionLogin { database: pool(&nowhere), ..login }
    });
    let report = deploy(&database.login(), refused.collect(), false).await.unwrap();
    assert!(report.logins.iter().all(|login| !login.works), "{:?}", report.logins);
    let changed = passwords(&database).await;
    assert!(made.iter().all(|line| !changed.contains(line)), "{changed:?}");
    drop(metrics);
    drop_roles(&database).await;
}

#[tokio::test]
async fn a_grant_that_is_not_in_the_file_is_taken_back() {
    let database = TestDatabase::new().await;
    deploy(&database.login(), logins(&database, "p"), true).await.unwrap();
    let role = named(&database, "metrics", "p").user;
    run(
        &database,
        &format!("grant select on contacts to {role}; grant update (status) on payments to {role}"),
    )
    .await;
    deploy(&database.login(), logins(&database, "p"), true).await.unwrap();
    let sql = format!(
        "select has_table_privilege('{role}', 'contacts', 'select') \
             or has_any_column_privilege('{role}', 'payments', 'update')"
    );
    assert!(!database.scalar::<bool>(&sql).await);
    drop_roles(&database).await;
}

/// An empty database whose owner's login alternates between two users, as AWS rotates it.
async fn alternating() -> (TestDatabase, Login, Login) {
    let database = TestDatabase::empty().await;
    let (first, second) = (named(&database, "app", "p"), named(&database, "app_clone", "p"));
    let sql = format!(
        "create role {0} login createrole password 'p'; grant create on schema public to {0}; \
         create role {1} login password 'p' in role {0}",
        first.user, second.user
    );
    run(&database, &sql).await;
    (database, first, second)
}

#[tokio::test]
async fn trap_87_of_two_users_that_alternate_either_migrates_and_one_owns_everything() {
    let (database, first, second) = alternating().await;
    deploy(&first, logins(&database, "p"), true).await.unwrap();
    // What a migration of the next release would make under the second user.
    let next = pool(&second).connection().await.unwrap();
    let made = "create table next_release (id int); create view next_view as select id from next_release; \
                create function next_function() returns int language sql as 'select 1'";
    next.batch_execute(made).await.unwrap();
    drop(next);
    let report = deploy(&second, logins(&database, "p"), true).await.unwrap();
    assert!(report.logins.iter().all(|login| login.works), "{:?}", report.logins);
    let strays = format!(
        "select count(*) from (select relowner as owner from pg_class where relnamespace = 'public'::regnamespace \
         union all select proowner from pg_proc where pronamespace = 'public'::regnamespace) o \
         where owner <> '{}'::regrole",
        first.user
    );
    assert_eq!(database.scalar::<i64>(&strays).await, 0);
    deploy(&first, logins(&database, "p"), true).await.unwrap();
    drop_roles(&database).await;
}

#[tokio::test]
async fn trap_87_a_second_user_that_must_make_a_role_is_refused_with_the_reason() {
    let (database, first, second) = alternating().await;
    deploy(&first, Vec::new(), false).await.unwrap();
    let error = deploy(&second, logins(&database, "p"), true).await.unwrap_err();
    let MigrateError::Roles(RolesError::MayNotMake { name, reason }) = &error else {
        panic!("{error:?}");
    };
    assert_eq!(*name, named(&database, "accounts", "p").user, "the first of the functions");
    assert!(reason.contains("42501"), "{reason}");
    // While the functions share one login, that is no reason to fail a deployment.
    assert_eq!(deploy(&second, logins(&database, "p"), false).await.unwrap().logins, []);
    drop_roles(&database).await;
}

#[tokio::test]
async fn a_function_whose_secret_is_rotated_by_alternating_users_has_its_grants_before_and_after() {
    let database = TestDatabase::new().await;
    deploy(&database.login(), logins(&database, "p"), true).await.unwrap();
    // As AWS' function does it.
    let (first, second) =
        (named(&database, "metrics", "p"), named(&database, "metrics_clone", "q"));
    run(
        &database,
        &format!("create role {1} login password 'q'; grant {0} to {1}", first.user, second.user),
    )
    .await;
    let mut rotated = logins(&database, "p");
    rotated.retain(|login| login.function != "metrics");
    rotated.push(FunctionLogin {
        function: "metrics",
        database: pool(&second),
        source: Arc::new(StaticLogin(second.clone())),
    });
    let before = passwords(&database).await;
    deploy(&database.login(), rotated, true).await.unwrap();
    assert_eq!(passwords(&database).await, before, "a deployment undoes no rotation");
    for login in [&first, &second] {
        assert_eq!(setting(login, "statement_timeout").await, "8s");
        let metrics = pool(login).connection().await.unwrap();
        metrics.batch_execute("select status from payments").await.unwrap();
        metrics.batch_execute("delete from payments").await.unwrap_err();
    }
    drop_roles(&database).await;
}

#[tokio::test]
async fn a_migrating_role_that_cannot_act_for_the_owner_is_refused_before_it_changes_anything() {
    let database = TestDatabase::new().await;
    let stranger = named(&database, "stranger", "p");
    run(&database, &format!("create role {} login createrole password 'p'", stranger.user)).await;
    let error = deploy(&stranger, logins(&database, "p"), true).await.unwrap_err();
    assert!(matches!(error, MigrateError::Roles(RolesError::NotTheOwner { .. })), "{error:?}");
    assert_eq!(passwords(&database).await.len(), 1, "no role was made");
    drop_roles(&database).await;
}

#[tokio::test]
async fn a_secret_that_names_a_role_that_may_do_more_is_refused_and_costs_it_nothing() {
    let database = TestDatabase::new().await;
    let owner = database.login();
    let wrong = FunctionLogin {
        function: "metrics",
        database: pool(&owner),
        source: Arc::new(StaticLogin(owner.clone())),
    };
    let error = deploy(&owner, vec![wrong], true).await.unwrap_err();
    assert!(matches!(error, MigrateError::Roles(RolesError::Powerful(_))), "{error:?}");
    run(&database, "delete from payments").await;
}

#[tokio::test]
async fn a_login_that_a_proxy_does_not_know_fails_the_deployment_once_the_functions_use_it() {
    let database = TestDatabase::new().await;
    let unknown = || {
        let mut login = named(&database, "metrics", "p");
        let source = Arc::new(StaticLogin(login.clone()));
        login.port = 1;
        vec![FunctionLogin { function: "metrics", database: pool(&login), source }]
    };
    let report = deploy(&database.login(), unknown(), false).await.unwrap();
    assert!(!report.logins[0].works);
    let error = deploy(&database.login(), unknown(), true).await.unwrap_err();
    assert!(matches!(error, MigrateError::CannotLogIn { function: "metrics", .. }), "{error:?}");
    drop_roles(&database).await;
}

async fn setting(login: &Login, name: &str) -> String {
    let client = pool(login).connection().await.unwrap();
    client.query_one(&format!("show {name}"), &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn trap_69_each_function_has_limits_by_which_postgres_ends_what_it_leaves() {
    let database = TestDatabase::new().await;
    deploy(&database.login(), logins(&database, "p"), true).await.unwrap();
    let all = "select string_agg(setting, ' ' order by name) from pg_settings where name in ('statement_timeout', \
               'lock_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout', 'tcp_user_timeout', \
               'client_connection_check_interval', 'tcp_keepalives_idle')";
    for (function, [lock, statement, transaction]) in [
        ("webhook", [6_000, 8_000, 9_000]),
        ("relay", [12_000, 15_000, 18_000]),
        ("fetch", [12_000, 95_000, 100_000]),
    ] {
        let client = pool(&named(&database, function, "p")).connection().await.unwrap();
        let set: String = client.query_one(all, &[]).await.unwrap().get(0);
        let wanted = format!("5000 7000 {lock} {statement} 60 7000 {transaction}");
        assert_eq!(set, wanted, "{function}");
    }
    drop_roles(&database).await;
}

/// The limits of silence of the owner's login, in a session of its own.
async fn silence_of_owner(database: &TestDatabase) -> String {
    let limit = "select current_setting('idle_in_transaction_session_timeout') || ' ' || current_setting('tcp_user_timeout')";
    database.client().await.query_one(limit, &[]).await.unwrap().get(0)
}

#[tokio::test]
async fn trap_69_a_login_that_all_functions_share_ends_when_it_is_silent_and_no_longer_once_they_have_their_own()
 {
    let database = TestDatabase::new().await;
    assert_eq!(silence_of_owner(&database).await, "0 0");
    for _ in 0..2 {
        deploy(&database.login(), logins(&database, "p"), false).await.unwrap();
        assert_eq!(silence_of_owner(&database).await, "7s 7000");
    }
    deploy(&database.login(), logins(&database, "p"), true).await.unwrap();
    assert_eq!(silence_of_owner(&database).await, "0 0");
    drop_roles(&database).await;
}

#[tokio::test]
async fn a_user_that_may_not_set_limits_deploys_all_the_same() {
    let (database, first, second) = alternating().await;
    deploy(&first, logins(&database, "p"), true).await.unwrap();
    // As the release before this one has left them.
    for login in logins(&database, "p") {
        let role = named(&database, login.function, "p").user;
        run(&database, &format!("alter role {role} reset all")).await;
    }
    let report = deploy(&second, logins(&database, "p"), true).await.unwrap();
    assert!(report.logins.iter().all(|login| login.works), "{:?}", report.logins);
    let webhook = named(&database, "webhook", "p");
    assert_eq!(setting(&webhook, "statement_timeout").await, "0");
    deploy(&first, logins(&database, "p"), true).await.unwrap();
    assert_eq!(setting(&webhook, "statement_timeout").await, "8s");
    drop_roles(&database).await;
}
