//! The grants, statement by statement: each function may run its own statements, and has no grant
//! that none of them needs.

use std::collections::BTreeSet;

use penstock_store::{Sql, all_statements, roles};
use penstock_testkit::TestDatabase;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// The statements of each function. A name ends in `*` if all of that beginning are its own.
pub(super) const STATEMENTS: &[(&str, &[&str])] = &[
    (
        "admin",
        &[
            "calendar_events.freeze",
            "circuits.forget",
            "connections.all",
            "connections.claim",
            "connections.declare",
            "connections.entry",
            "connections.list",
            "connections.lock",
            "connections.note",
            "connections.release",
            "connections.retire",
            "connections.set_state",
            "connections.settle",
            "connections.turn",
            "contacts.freeze",
            "failed_attempts.list",
            "failures.*",
            "held_sweeps.forget",
            "job_items.first",
            "job_items.report",
            "jobs.alike",
            "jobs.count_frozen",
            "jobs.find",
            "jobs.last_item",
            "jobs.list",
            "jobs.plan_remap",
            "jobs.plan_replay",
            "jobs.set_state",
            "jobs.start",
            "leads.freeze",
            "payments.freeze",
            "push_channels.forget",
            "rate_windows.grant",
            "refetch_requests.forget",
            "run_requests.claim",
            "run_requests.first",
            "run_requests.insert",
            "run_requests.too_recent",
            "strange_accounts.list",
            "sync_runs.refuse",
            "sync_state.lock",
            "sync_state.lock_all",
            "sync_state.remove",
            "sync_state.request",
            "sync_state.requested",
            "vendor_accounts.ask_anew",
        ],
    ),
    (
        "bury",
        &[
            "api_keys.standing",
            "connections.find",
            "connections.of_account",
            "dead_letters.insert",
            "idempotency_keys.find",
            "idempotency_keys.remember_duplicates",
            "outbox.bury",
            "outbox.differing_events",
            "outbox.insert",
            "outbox.insert_and_refetch",
            "outbox.insert_under_key",
            "outbox.pending",
            "outbox.waiting",
        ],
    ),
    (
        "fetch",
        &[
            "calendar_events.unseen",
            "circuits.close",
            "circuits.find",
            "circuits.open",
            "circuits.probe",
            "circuits.try_now",
            "connections.all",
            "connections.find",
            "contacts.unseen",
            "held_sweeps.allow",
            "held_sweeps.clear",
            "held_sweeps.hold",
            "held_sweeps.is_allowed",
            "outbox.gone_since",
            "outbox.insert",
            "outbox.release",
            "payments.unseen_deals",
            "push_channels.delete",
            "push_channels.insert",
            "push_channels.list",
            "reconciliations.add_ours",
            "reconciliations.add_theirs",
            "reconciliations.begin",
            "reconciliations.count",
            "reconciliations.count_unseen",
            "reconciliations.differences",
            "reconciliations.drop_equal",
            "reconciliations.find",
            "reconciliations.latest",
            "reconciliations.move",
            "reconciliations.next_days",
            "reconciliations.unseen",
            "reconciliations.unsettled",
            "refetch_requests.answered",
            "refetch_requests.claim",
            "refetch_requests.failed",
            "refetch_requests.put_back",
            "refetch_requests.remember",
            "refetch_requests.request_later",
            "refetch_requests.waits",
            "sync_runs.begin",
            "sync_runs.count_page",
            "sync_runs.note",
            "sync_runs.record_error",
            "sync_runs.succeed",
            "sync_state.abandon",
            "sync_state.acquire",
            "sync_state.finish",
            "sync_state.give_back",
            "sync_state.hand_on",
            "sync_state.heal",
            "sync_state.hold_back",
            "sync_state.lock_paused",
            "sync_state.move",
            "sync_state.pause",
            "sync_state.paused",
            "sync_state.release",
            "sync_state.request",
            "sync_state.try_now",
            "sync_windows.*",
            "vendor_accounts.find",
            "vendor_accounts.keep",
        ],
    ),
    (
        "ingest",
        &[
            "idempotency_keys.find",
            "idempotency_keys.remember_duplicates",
            "leads.change",
            "outbox.differing_events",
            "outbox.insert",
            "outbox.insert_under_key",
            "outbox.waiting",
            "rate_windows.grant",
        ],
    ),
    (
        "metrics",
        &[
            "circuits.all",
            "dead_letters.unreadable",
            "events.journey",
            "freshness.pulls",
            "lead_changes.newest",
            "leads.find",
            "leads.page",
            "not_ours.count",
            "outbox.count_pending",
            "outbox.count_recent",
            "refetch_requests.ended",
            "rate_windows.grant",
            "revenue.read_business_days",
            "revenue.read_edges",
            "revenue.read_payments",
            "revenue.unmapped",
            "run_requests.find",
            "sync_runs.find",
            "sync_runs.page",
            "sync_state.all_paused",
        ],
    ),
    (
        "process",
        &[
            "calendar_events.upsert",
            "conflicting_events.insert",
            "connections.find",
            "connections.join",
            "contacts.upsert",
            "events.insert",
            "leads.insert",
            "not_ours.insert",
            "outbox.begin_attempt",
            "outbox.bury",
            "outbox.claim",
            "outbox.count_crash",
            "outbox.heads",
            "outbox.hold",
            "outbox.note_blocked",
            "outbox.pending",
            "outbox.return_attempt",
            "payments.upsert",
            "refetch_requests.request",
            "revenue_deltas.fold",
            "strange_accounts.note",
            "sync_runs.count_processed",
            "sync_state.request",
        ],
    ),
    (
        "relay",
        &[
            "calendar_events.erase",
            "conflicting_events.purge",
            "connections.come_late",
            "connections.end_erasing",
            "connections.hold_erasing",
            "connections.to_erase",
            "contacts.erase",
            "dead_letters.erase",
            "dead_letters.purge",
            "circuits.close",
            "circuits.find",
            "dead_letters.settle",
            "circuits.forget",
            "circuits.open",
            "events.erase_smoke",
            "events.purge",
            "failed_attempts.erase",
            "failed_attempts.purge",
            "freshness.*",
            "held_sweeps.forget",
            "idempotency_keys.purge",
            "job_items.messages",
            "job_items.sent_again",
            "job_items.settle",
            "jobs.at_work",
            "jobs.complete",
            "jobs.forget_planned",
            "jobs.lock",
            "jobs.note",
            "jobs.purge",
            "jobs.put_back_to_work",
            "leads.erase_smoke",
            "leads.purge",
            "not_ours.erase",
            "not_ours.purge",
            "outbox.drop_leaf",
            "outbox.due",
            "outbox.empty_leaf",
            "outbox.erase",
            "outbox.make_leaves",
            "outbox.oldest_pending",
            "outbox.purge",
            "outbox.purge_source",
            "payments.erase",
            "push_channels.forget",
            "reconciled_days.erase",
            "reconciliations.purge",
            "refetch_requests.due",
            "refetch_requests.erase",
            "refetch_requests.purge",
            "revenue_deltas.*",
            "revenue_sums.erase",
            "run_requests.erase",
            "run_requests.purge",
            "strange_accounts.erase",
            "sync_runs.erase",
            "sync_runs.purge",
            "sync_state.erase",
            "sync_state.lock_all",
            "sync_state.stalled",
            "vendor_accounts.erase",
        ],
    ),
    (
        "webhook",
        &[
            "api_keys.standing",
            "connections.find",
            "connections.of_account",
            "idempotency_keys.find",
            "idempotency_keys.remember_duplicates",
            "outbox.differing_events",
            "outbox.insert",
            "outbox.insert_and_refetch",
            "outbox.insert_under_key",
            "outbox.waiting",
            "sync_state.request",
        ],
    ),
];

/// The statements of the owner: of `migrate`, or of a person.
const OWN: &[&str] = &[
    "api_keys.insert",
    "api_keys.list",
    "api_keys.revoke",
    "api_keys.revoke_named",
    "revenue.rebuild",
    "revenue.remap",
    "revenue.set_business_zone",
    "roles.*",
];

/// The statement inside the function of that name, which EXPLAIN does not look into.
const INSERT_INTO_OUTBOX: &str = "insert into outbox (id, source, entity, external_id, version_key, version_at, \
    api_version, payload, content_type, content_encoding, sender, query, run_id, next_attempt_at, received_at) \
    select gen_random_uuid(), '', '', '', '', now(), '', ''::bytea, '', null, null, null, null, now(), now() \
    where not exists (select id from outbox where source = '' and entity = '' and external_id = '' and version_key = '') \
    on conflict do nothing returning id";

pub(super) fn is_named(name: &str, by: &[&str]) -> bool {
    by.iter().any(|pattern| match pattern.strip_suffix('*') {
        Some(beginning) => name.starts_with(beginning),
        None => name == *pattern,
    })
}

/// A statement as EXPLAIN takes it: it is planned and permitted, not run.
pub(super) fn explain(text: &str, types: &[&str]) -> Vec<String> {
    let nulls = vec!["null"; types.len()].join(", ");
    let (takes, given) = match types.is_empty() {
        true => (String::new(), String::new()),
        false => (format!("({})", types.join(", ")), format!("({nulls})")),
    };
    let mut commands = vec![
        format!("prepare one {takes} as {text}"),
        format!("explain execute one {given}"),
        "deallocate one".to_owned(),
    ];
    if text.contains("insert_into_outbox") {
        commands.push(format!("explain {INSERT_INTO_OUTBOX}"));
    }
    commands
}

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

/// Returns the statements that the client's role may not run.
async fn refused(client: &Client, function: &str) -> Vec<&'static str> {
    let mut refused = Vec::new();
    for (name, commands) in explained(function) {
        client.batch_execute("deallocate all").await.unwrap();
        for command in commands {
            match client.batch_execute(&command).await {
                Err(e) if e.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {
                    refused.push(name);
                    break;
                }
                done => done.unwrap_or_else(|e| panic!("{function}: {command}: {e:?}")),
            }
        }
    }
    refused
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
        assert_eq!(refused(&connection, function).await, Vec::<&str>::new(), "{function}");
    }
}

/// The grants of a role, each as the command that takes it back. Those on the view are for the
/// release before.
async fn grants(owner: &Client, role: &str) -> Vec<String> {
    let sql = "select format('revoke %s on %I from %I', privilege_type, table_name, grantee) \
               from information_schema.table_privileges where grantee = $1 and table_schema = 'public' \
               and table_name <> 'revenue_buckets' \
               union all \
               select format('revoke %s (%I) on %I from %I', privilege_type, column_name, table_name, grantee) \
               from information_schema.column_privileges c where grantee = $1 and table_schema = 'public' \
               and not exists (select from information_schema.table_privileges t where t.grantee = c.grantee \
                               and t.table_name = c.table_name and t.privilege_type = c.privilege_type)";
    owner.query(sql, &[&role]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn no_function_has_a_grant_that_none_of_its_statements_needs() {
    let database = TestDatabase::new().await;
    let owner = database.client().await;
    let mut idle = Vec::new();
    for function in roles::functions() {
        let connection = database.database_of(function, 1).connection().await.unwrap();
        for revoke in grants(&owner, &database.login_of(function).user).await {
            owner.batch_execute(&revoke).await.unwrap();
            if refused(&connection, function).await.is_empty() {
                idle.push(revoke.clone());
            }
            let again = revoke.replacen("revoke", "grant", 1).replace(" from ", " to ");
            owner.batch_execute(&again).await.unwrap();
        }
    }
    assert!(idle.is_empty(), "no statement needs:\n{}", idle.join("\n"));
}
