//! Two connections of a vendor have the same ids on purpose, in every table: nothing meets.

use std::collections::BTreeSet;

use jiff::Timestamp;
use penstock_domain::fetch_request::Mode;
use penstock_domain::ids::RunId;
use penstock_domain::paging::Position;
use penstock_domain::record::{Item, JSON};
use penstock_domain::source::{Channel, OwnAccount};
use penstock_store::held_sweeps::HeldSweep;
use penstock_store::outbox::{self, Arrival};
use penstock_store::push_channels::Open;
use penstock_store::sync_state::pauses::{self, Scope};
use penstock_store::sync_state::pending::{self, Unless};
use penstock_store::sync_state::{self, Key, RunUnderWay, Window, windows};
use penstock_store::{begin, commit, held_sweeps, push_channels, refetch, vendor_accounts};
use penstock_testkit::TestDatabase;
use penstock_testkit::filled::{fill, rows_of, tables_of_connections};
use tokio_postgres::Client;

/// Connections of the same vendors, called alike nowhere.
const PAIRS: [(&str, &str); 3] =
    [("stripe", "stripe-eu"), ("gcal", "team-calendar"), ("hubspot", "portal-2")];

/// Unique indexes without the connection: over ids that are unique by themselves. All but one are
/// UUIDs of our own; SQS makes the ids of messages.
const UNIQUE_BY_THEMSELVES: [&str; 8] = [
    "dead_letters(id)",
    "dead_letters(message_id)",
    "dead_letters(outbox_id)",
    "failed_attempts(failed_at, outbox_id)",
    "not_ours(outbox_id)",
    "outbox(id)",
    "run_requests(id)",
    "sync_runs(id)",
];

/// Tables that hold nothing of connections, or only by the id of a run of ours. Digests and jobs
/// are of all connections, and name them in their texts. People belong to none, nor do
/// transactions.
const WITHOUT: [&str; 41] = [
    "account_links",
    "api_keys",
    "archive_batches",
    "archive_epochs",
    "archive_loads",
    "archive_marks",
    "archive_rebuilds",
    "archive_targets",
    "audit_log",
    "call_windows",
    "conflicting_events",
    "connections",
    "digest_checks",
    "digest_issues",
    "digest_sendings",
    "digests",
    "erased_names",
    "erasure_searches",
    "erasure_settings",
    "erasures",
    "events",
    "idempotency_keys",
    "job_items",
    "jobs",
    "lead_changes",
    "leads",
    "migration_lock",
    "notifications",
    "rate_windows",
    "reconciled_days",
    "reconciliations",
    "refinery_schema_history",
    "reset_requests",
    "revenue_settings",
    "sessions",
    "sign_in_limits",
    "transaction_attempts",
    "transaction_changes",
    "transaction_conflicts",
    "transactions",
    "users",
];

async fn texts(client: &Client, sql: &str) -> BTreeSet<String> {
    client.query(sql, &[]).await.unwrap().iter().map(|row| row.get(0)).collect()
}

#[tokio::test]
async fn every_key_of_every_table_has_the_connection_in_it() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let tables = texts(
        &client,
        "select relname::text from pg_class where relkind in ('r', 'p') and not relispartition \
         and relnamespace = 'public'::regnamespace",
    )
    .await;
    let known: BTreeSet<String> = tables_of_connections(&client).await.into_iter().collect();
    let without = |table: &&String| !known.contains(*table) && !WITHOUT.contains(&table.as_str());
    let unknown: Vec<_> = tables.iter().filter(without).collect();
    assert!(unknown.is_empty(), "of which connection are rows of {unknown:?}?");
    let keys = "select c.relname || '(' || string_agg(a.attname, ', ' order by a.attname) || ')' \
                from pg_index i join pg_class c on c.oid = i.indrelid \
                join pg_attribute a on a.attrelid = c.oid and a.attnum = any (i.indkey) \
                where i.indisunique and c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') \
                group by i.indexrelid, c.relname \
                having not bool_or(a.attname in ('source', 'connection'))";
    let keys = texts(&client, keys).await.into_iter();
    let of_connections = |key: &String| known.contains(key.split_once('(').unwrap().0);
    let found: BTreeSet<String> = keys.filter(of_connections).collect();
    let expected: BTreeSet<String> = UNIQUE_BY_THEMSELVES.map(str::to_owned).into();
    assert_eq!(found, expected, "two connections meet in a key without the connection");
}

#[tokio::test]
async fn two_connections_have_the_same_ids_in_every_table() {
    for (one, other) in PAIRS {
        let database = TestDatabase::new().await;
        let client = database.client().await;
        fill(&client, one, 200).await;
        let alone = rows_of(&client, one).await;
        fill(&client, other, 200).await;
        assert_eq!(rows_of(&client, one).await, alone);
        assert_eq!(rows_of(&client, other).await, alone);
        // What the sums say of one is what they said before the other came.
        let sums = |name| {
            format!(
                "select md5(string_agg(concat_ws(' ', grain, bucket_start, currency, status, amount, count), ',' \
                        order by grain, bucket_start, currency, status)) from revenue_buckets where source = '{name}'"
            )
        };
        let (of_one, of_other) = (sums(one), sums(other));
        let both: (String, String) =
            (database.scalar(&of_one).await, database.scalar(&of_other).await);
        assert_eq!(both.0, both.1);
    }
}

fn at(minute: i8) -> Timestamp {
    format!("2026-03-01T12:{minute:02}:00Z").parse().unwrap()
}

fn item() -> Item<'static> {
    Item {
        entity: "charge".to_owned(),
        external_id: "ch_1".to_owned(),
        version_key: "evt_1".to_owned(),
        version_at: at(0),
        api_version: None,
        payload: b"{}",
    }
}

#[tokio::test]
async fn the_same_version_is_a_row_of_each_connection_once() {
    let database = TestDatabase::new().await;
    let pool = database.database_of("fetch", 1);
    for (one, other) in PAIRS {
        let mut connection = pool.connection().await.unwrap();
        for (source, new) in [(one, 1), (other, 1), (one, 0), (other, 0)] {
            let (received_at, ticket_due_at) = (at(0), at(0));
            let arrival =
                Arrival { source, media: JSON, received_at, ticket_due_at, ..Arrival::default() };
            let tx = begin(&mut connection).await.unwrap();
            let rows = outbox::insert(&tx, arrival, &[item()]).await.unwrap();
            commit(tx).await.unwrap();
            assert_eq!(rows.len(), new, "{source}");
        }
    }
    assert_eq!(database.scalar::<i64>("select count(*) from outbox").await, 6);
}

#[tokio::test]
async fn leases_cursors_windows_and_pauses_are_each_connections_own() {
    let database = TestDatabase::new().await;
    let pool = database.database_of("fetch", 1);
    for (one, other) in PAIRS {
        let mut connection = pool.connection().await.unwrap();
        let mut begun = Vec::new();
        for source in [one, other] {
            let key = Key { source, entity: "charge", mode: Mode::Full };
            let lease = sync_state::acquire(&**connection, key, at(0), at(2)).await.unwrap();
            let lease = lease.expect("the other one's lease is not in the way");
            let position = Position { from: None, to: at(0), token: Some("page_2".to_owned()) };
            let run = RunUnderWay::begun(at(0), position.clone(), at(0));
            let tx = begin(&mut connection).await.unwrap();
            sync_state::advance(&tx, key, &lease, &run, at(0), at(2)).await.unwrap();
            windows::open(&tx, key, &lease, &Window { number: 1, position }).await.unwrap();
            commit(tx).await.unwrap();
            begun.push((key, lease, run));
        }
        // One ends its run, and is refused at the next: the other's goes on where it is.
        let (key, lease, run) = &begun[0];
        let tx = begin(&mut connection).await.unwrap();
        windows::close(&tx, *key, lease, 1, at(1), at(2)).await.unwrap();
        sync_state::finish(&tx, *key, lease, Some("cursor"), at(1)).await.unwrap();
        commit(tx).await.unwrap();
        let again = sync_state::acquire(&**connection, *key, at(1), at(3)).await.unwrap().unwrap();
        assert_eq!((again.watermark, &again.run), (Some(run.upper_bound), &None));
        let tx = begin(&mut connection).await.unwrap();
        pauses::pause(&tx, *key, &again, "refused", Scope::Source, at(1)).await.unwrap();
        commit(tx).await.unwrap();

        let (key, _, run) = &begun[1];
        let resumed = sync_state::acquire(&**connection, *key, at(3), at(5)).await.unwrap();
        let resumed = resumed.expect("it is not paused");
        assert_eq!((resumed.watermark, &resumed.cursor), (None, &None));
        let under_way = resumed.run.unwrap();
        assert_eq!((under_way.id, under_way.windows.len()), (run.id, 1));
        // A request for one is none for the other.
        let mode = Mode::Incremental;
        let requested =
            pending::request(&**connection, one, &["event"], mode, None, Unless::Never, at(3));
        assert_eq!(requested.await.unwrap(), ["event"]);
        let of_other = pending::requested(&**connection, other, &["event"], mode).await.unwrap();
        assert_eq!(of_other, Vec::<String>::new());
    }
}

#[tokio::test]
async fn refetches_channels_accounts_and_held_sweeps_are_each_connections_own() {
    let database = TestDatabase::new().await;
    let pool = database.database_of("fetch", 1);
    for (one, other) in PAIRS {
        let connection = pool.connection().await.unwrap();
        let on = &**connection;
        let objects = [(one, "charge", "ch_1"), (other, "charge", "ch_1")];
        refetch::request(on, &objects, refetch::Cause::Tied, at(0), at(0)).await.unwrap();
        let claimed = refetch::claim(on, one, "charge", 10, at(1), at(2)).await.unwrap();
        assert_eq!(claimed.len(), 1);
        refetch::answered(on, one, "charge", &claimed[0]).await.unwrap();
        assert!(!refetch::waits(on, one, "charge", at(1)).await.unwrap());
        assert!(refetch::waits(on, other, "charge", at(1)).await.unwrap());

        for (source, resource) in [(one, "r_1"), (other, "r_2")] {
            let (id, resource_id) = ("channel_1".to_owned(), resource.to_owned());
            let channel = Channel { id, resource_id, expires_at: at(9) };
            let open = Open { channel, part: "primary".to_owned(), address: "a".to_owned() };
            push_channels::insert(on, source, &open, at(0)).await.unwrap();
        }
        push_channels::remove(on, one, "channel_1").await.unwrap();
        assert!(push_channels::all(on, one).await.unwrap().is_empty());
        assert_eq!(push_channels::all(on, other).await.unwrap()[0].channel.resource_id, "r_2");

        for (source, livemode) in [(one, true), (other, false)] {
            let own = OwnAccount { livemode: Some(livemode), currency: None };
            vendor_accounts::keep(on, source, own, None, at(0)).await.unwrap();
        }
        let livemode = vendor_accounts::find(on, one).await.unwrap().unwrap().own.livemode;
        assert_eq!(livemode, Some(true));

        for source in [one, other] {
            let run = RunId::new(at(0));
            let held = HeldSweep { source, entity: "deal", run, unseen: 1, accounted: 1 };
            assert!(held_sweeps::hold(on, held, at(0)).await.unwrap());
        }
        assert!(held_sweeps::allow(on, one, "deal", at(1)).await.unwrap());
        assert!(held_sweeps::is_allowed(on, one, "deal").await.unwrap());
        assert!(!held_sweeps::is_allowed(on, other, "deal").await.unwrap());
    }
}
