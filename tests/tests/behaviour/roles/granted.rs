//! Each function may run its own statements, and has no grant that none of them needs.

use std::collections::BTreeSet;

use penstock_store::{Sql, all_statements, roles};
use penstock_testkit::TestDatabase;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

use super::statements::{OWN, STATEMENTS, explain, is_named};

/// The statements of a function as EXPLAIN takes them.
fn explained(function: &str) -> Vec<(&'static str, Vec<String>)> {
    let (_, names) = STATEMENTS.iter().find(|(of, _)| *of == function).unwrap();
    let own = all_statements().into_iter().filter(|sql| is_named(sql.name, names));
    own.map(|Sql { name, text, types }| {
        let types: Vec<&str> = types.iter().map(|of_type| of_type.name()).collect();
        (*name, explain(text, &types))
    })
    .collect()
}

/// Returns whether the client's role may run a statement.
async fn may_run(client: &Client, commands: &[String]) -> bool {
    client.batch_execute("deallocate all").await.unwrap();
    for command in commands {
        match client.batch_execute(command).await {
            Err(e) if e.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => return false,
            done => done.unwrap_or_else(|e| panic!("{command}: {e:?}")),
        }
    }
    true
}

#[test]
fn every_statement_is_of_a_function_or_of_the_owner() {
    let mut listed = BTreeSet::from([OWN]);
    listed.extend(STATEMENTS.iter().map(|(_, names)| *names));
    for Sql { name, .. } in all_statements() {
        assert!(listed.iter().any(|names| is_named(name, names)), "{name} is of no function");
    }
    for pattern in listed.into_iter().flatten() {
        let is_there = all_statements().iter().any(|sql| is_named(sql.name, &[pattern]));
        assert!(is_there, "there is no statement {pattern}");
    }
}

#[tokio::test]
async fn each_function_may_run_each_of_its_statements() {
    let database = TestDatabase::new().await;
    for function in roles::functions() {
        let connection = database.database_of(function, 1).connection().await.unwrap();
        for (name, commands) in explained(function) {
            assert!(may_run(&connection, &commands).await, "{function}: {name}");
        }
    }
}

/// The grants of a role, each as its table and the command that takes it back. Those on the view
/// are for the release before.
async fn grants(owner: &Client, role: &str) -> Vec<(String, String)> {
    let sql = "select table_name::text, format('revoke %s on %I from %I', privilege_type, table_name, grantee) \
               from information_schema.table_privileges where grantee = $1 and table_schema = 'public' \
               and table_name <> 'revenue_buckets' \
               union all \
               select table_name::text, format('revoke %s (%I) on %I from %I', privilege_type, column_name, table_name, grantee) \
               from information_schema.column_privileges c where grantee = $1 and table_schema = 'public' \
               and not exists (select from information_schema.table_privileges t where t.grantee = c.grantee \
                               and t.table_name = c.table_name and t.privilege_type = c.privilege_type)";
    let rows = owner.query(sql, &[&role]).await.unwrap();
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}

#[tokio::test]
async fn no_function_has_a_grant_that_none_of_its_statements_needs() {
    let database = TestDatabase::new().await;
    let owner = database.client().await;
    let mut idle = Vec::new();
    for function in roles::functions() {
        let connection = database.database_of(function, 1).connection().await.unwrap();
        let mut statements = explained(function);
        for (table, revoke) in grants(&owner, &database.login_of(function).user).await {
            owner.batch_execute(&revoke).await.unwrap();
            // Those that name the table come first: mostly the first of them is refused.
            statements.sort_by_key(|(_, of)| !of.iter().any(|command| command.contains(&table)));
            let mut is_needed = false;
            for (_, commands) in &statements {
                is_needed = !may_run(&connection, commands).await;
                if is_needed {
                    break;
                }
            }
            if !is_needed {
                idle.push(revoke.clone());
            }
            let again = revoke.replacen("revoke", "grant", 1).replace(" from ", " to ");
            owner.batch_execute(&again).await.unwrap();
        }
    }
    assert!(idle.is_empty(), "no statement needs:\n{}", idle.join("\n"));
}
