//! One database role a function: what each may do, and what it may not (docs/adr/0037).

mod granted;
mod logins;
mod of_accounts;
mod of_archive;
mod of_console;
mod of_load;
mod of_relay;
mod of_transactions;
mod release_before;
mod statements;

use penstock_store::roles;
use penstock_testkit::TestDatabase;
use penstock_tests::repository;
use tokio_postgres::error::SqlState;

/// Says what becomes of a statement under the login of a function.
async fn outcome(database: &TestDatabase, function: &str, sql: &str) -> Result<(), SqlState> {
    let connection = database.database_of(function, 1).connection().await.unwrap();
    let done = connection.batch_execute(sql).await;
    done.map_err(|error| error.code().cloned().unwrap_or_else(|| panic!("{sql}: {error:?}")))
}

#[test]
fn every_function_but_migrate_has_grants() {
    let mut functions = repository::functions();
    functions.retain(|function| function != "migrate");
    assert_eq!(roles::functions(), functions);
}

#[tokio::test]
async fn metrics_cannot_write_and_reads_no_body_but_that_of_a_lead() {
    let database = TestDatabase::new().await;
    for sql in [
        "insert into payments select * from payments",
        "update payments set amount = 1",
        "delete from payments",
        "update revenue_sums set collected = 1",
        "select fold_revenue_deltas(1)",
        "delete from outbox",
        "update sync_state set halted = null",
        "insert into api_keys select * from api_keys",
        "truncate events",
        "select payload from outbox",
        "select raw from payments",
        "select email from contacts",
        "select raw from calendar_events",
        "update leads set status = 'won'",
        "select body from conflicting_events",
        "select payload from dead_letters",
        "create table public.mine ()",
        "select rebuild_revenue_buckets()",
        "select set_business_zone('Europe/Berlin')",
    ] {
        let refused = outcome(&database, "metrics", sql).await;
        assert_eq!(refused, Err(SqlState::INSUFFICIENT_PRIVILEGE), "{sql}");
    }
}

#[tokio::test]
async fn ingest_reads_no_money_no_person_and_not_even_what_it_has_put_into_the_outbox() {
    let database = TestDatabase::new().await;
    for table in ["payments", "contacts", "calendar_events", "events", "dead_letters", "sync_state"]
    {
        let sql = format!("select from {table}");
        let refused = outcome(&database, "ingest", &sql).await;
        assert_eq!(refused, Err(SqlState::INSUFFICIENT_PRIVILEGE), "{sql}");
    }
    for sql in [
        "select payload from outbox",
        "update outbox set status = 'dead'",
        "delete from outbox",
        "select email from leads",
        "select body from leads",
        "update leads set email = null",
        "delete from leads",
        "update lead_changes set new_value = 'x'",
    ] {
        let refused = outcome(&database, "ingest", sql).await;
        assert_eq!(refused, Err(SqlState::INSUFFICIENT_PRIVILEGE), "{sql}");
    }
}

#[tokio::test]
async fn no_function_changes_sums_keys_migrations_or_another_role() {
    let database = TestDatabase::new().await;
    for function in roles::functions() {
        for sql in [
            "update revenue_sums set collected = 0",
            "delete from revenue_deltas",
            "insert into revenue_deltas select * from revenue_deltas",
            "insert into revenue_settings select * from revenue_settings",
            "update api_keys set scope = 'admin'",
            "delete from refinery_schema_history",
            "alter table outbox add column mine text",
            "drop table outbox",
            "create role mine",
            "grant select on payments to public",
            "alter function differing_events security invoker",
        ] {
            let refused = outcome(&database, function, sql).await;
            let expected = match sql {
                // Without a right to grant, Postgres warns and grants nothing.
                "grant select on payments to public" if refused.is_ok() => Ok(()),
                _ => Err(SqlState::INSUFFICIENT_PRIVILEGE),
            };
            assert_eq!(refused, expected, "{function}: {sql}");
        }
        let granted: bool =
            database.scalar("select has_table_privilege('public', 'payments', 'select')").await;
        assert!(!granted, "{function} granted something");
    }
}

#[tokio::test]
async fn only_process_writes_money_and_the_sums_follow() {
    let database = TestDatabase::new().await;
    let pay = "insert into payments (source, kind, external_id, amount, currency, status, raw_status, occurred_at, \
               version_at, native, version_rank, content_hash, raw, outbox_id, updated_at) \
               values ('stripe', 'charge', 'ch_1', 700, 'USD', 'collected', 'succeeded', now(), now(), true, 0, 0, '', \
               gen_random_uuid(), now())";
    for function in roles::functions().into_iter().filter(|function| *function != "process") {
        let refused = outcome(&database, function, pay).await;
        assert_eq!(refused, Err(SqlState::INSUFFICIENT_PRIVILEGE), "{function}");
    }
    outcome(&database, "process", pay).await.unwrap();
    let sum = "select sum(amount)::text from revenue_buckets where grain = 'day'";
    assert_eq!(database.scalar::<String>(sum).await, "700");
}

#[tokio::test]
async fn only_relay_deletes_money_and_it_changes_none() {
    let database = TestDatabase::new().await;
    for table in ["payments", "contacts", "calendar_events", "revenue_sums"] {
        let delete = format!("delete from {table}");
        for function in roles::functions() {
            let deleted = outcome(&database, function, &delete).await;
            let expected =
                if function == "relay" { Ok(()) } else { Err(SqlState::INSUFFICIENT_PRIVILEGE) };
            assert_eq!(deleted, expected, "{function}: {delete}");
        }
        let amount = if table == "revenue_sums" { "collected" } else { "raw" };
        for change in [
            format!("update {table} set {amount} = default"),
            format!("insert into {table} default values"),
            format!("truncate {table}"),
        ] {
            let refused = outcome(&database, "relay", &change).await;
            assert_eq!(refused, Err(SqlState::INSUFFICIENT_PRIVILEGE), "{change}");
        }
    }
}
