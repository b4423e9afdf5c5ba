//! The places that an erasure searches, against the schema; and the names that the schema finds,
//! against those of the domain.

use std::collections::{BTreeMap, BTreeSet};

use penstock_domain::erasure::{ErasedNames, names_in};
use penstock_testkit::TestDatabase;

/// Columns that hold text or bytes and are not searched, each with the reason. A name that ends in
/// `.*` is of a whole table.
const NOT_SEARCHED: &[(&str, &str)] = &[
    ("account_links.*", "of people who work with Penstock: an admin disables their account"),
    ("api_keys.*", "names of systems, and hashes"),
    ("archive_batches.first_id", "keys of rows, which are ids"),
    ("archive_batches.key", "made of ids of ours"),
    ("archive_batches.last_error", "words of ours, of statuses and of codes"),
    ("archive_batches.last_id", "keys of rows, which are ids"),
    ("archive_batches.sha256", "a hash"),
    ("archive_batches.state", "one of our words"),
    ("archive_batches.successor", "made of ids of ours"),
    ("archive_batches.sums", "amounts by currency"),
    ("archive_batches.table_name", "the name of a table"),
    ("archive_epochs.bucket", "the name of a bucket"),
    ("archive_epochs.why", "one of our words"),
    ("archive_loads.error", "BigQuery's words about a file, without addresses"),
    ("archive_loads.job_id", "made of ids of ours"),
    ("archive_loads.state", "one of our words"),
    ("archive_loads.table_name", "the name of a table"),
    ("archive_marks.table_name", "the name of a table"),
    ("archive_rebuilds.error", "BigQuery's words about a copy, without addresses"),
    ("archive_rebuilds.job_id", "made of ids of ours"),
    ("archive_rebuilds.state", "one of our words"),
    ("archive_rebuilds.table_name", "the name of a table"),
    ("archive_targets.*", "names of tables and of a dataset, and BigQuery's words about columns"),
    (
        "audit_log.*",
        "who did what: kept as evidence, and names nobody but those who work with Penstock",
    ),
    ("business_zones.*", "names of zones"),
    ("calendar_events.calendar_id", "configuration: the calendar that is pulled"),
    ("calendar_events.external_id", "the key of a row that is kept"),
    ("calendar_events.recurring_event_id", "the key of a row that is kept"),
    ("calendar_events.source", "the name of a connection"),
    ("calendar_events.status", "one of the vendor's words"),
    ("call_windows.service", "one of our words"),
    ("circuits.source", "the name of a connection"),
    ("conflicting_events.content_type", "a media type"),
    ("conflicting_events.event_id", "an id of an event, and the row goes"),
    ("conflicting_events.sender", "the name of an API key"),
    ("connections.*", "configuration"),
    ("contacts.external_id", "the key of a row: the person's own row goes"),
    ("contacts.source", "the name of a connection"),
    ("dead_letters.entity", "one of our words"),
    ("dead_letters.error_kind", "one of our words"),
    ("dead_letters.external_id", "the key of a row: the person's own letter goes"),
    ("dead_letters.message_id", "made by SQS"),
    ("dead_letters.source", "the name of a connection"),
    ("digest_issues.issue", "one of our words and the name of a connection"),
    ("digest_sendings.channel", "one of our words"),
    ("digest_sendings.state", "one of our words"),
    ("digests.kind", "one of our words"),
    ("digests.zone", "the name of a zone"),
    ("erased_names.*", "hashes"),
    ("erasure_searches.*", "goes when the job ends"),
    ("erasure_settings.*", "the salt"),
    ("erasures.*", "masked when it is written"),
    ("events.clock_skew", "one of our words"),
    ("events.event_id", "an id of an event: the person's own event goes"),
    ("events.sender", "the name of an API key"),
    ("events.user_id", "decides whose the row is"),
    ("failed_attempts.entity", "one of our words"),
    ("failed_attempts.error_kind", "one of our words"),
    ("failed_attempts.external_id", "the key of a row: the person's own row goes"),
    ("failed_attempts.source", "the name of a connection"),
    ("held_sweeps.*", "names of connections, and counts"),
    ("idempotency_keys.body_sha256", "a hash"),
    ("idempotency_keys.route", "one of our words"),
    ("idempotency_keys.scope", "a hash"),
    ("job_items.state", "one of our words"),
    ("job_items.target", "the name of a table"),
    ("jobs.asked_by", "the name of an API key"),
    ("jobs.fingerprint", "a hash; empty once an erasure has ended"),
    ("jobs.kind", "one of our words"),
    ("jobs.state", "one of our words"),
    ("lead_changes.changed_by", "the name of an API key"),
    ("lead_changes.field", "one of our words"),
    ("leads.content_encoding", "the name of an encoding"),
    ("leads.content_type", "a media type"),
    ("leads.sender", "the name of an API key"),
    ("leads.state", "one of our words"),
    ("migration_lock.*", "one row without data"),
    ("not_ours.*", "names of connections, and our words"),
    ("outbox.api_version", "the vendor's version"),
    ("outbox.content_encoding", "the name of an encoding"),
    ("outbox.content_type", "a media type"),
    ("outbox.entity", "one of our words"),
    ("outbox.error_field", "a pointer into a payload"),
    ("outbox.error_kind", "one of our words"),
    ("outbox.external_id", "the key of a row: the person's own row goes or is a payment's"),
    ("outbox.sender", "the name of an API key"),
    ("outbox.source", "the name of a connection"),
    ("outbox.status", "one of our words"),
    ("outbox.version_key", "the id of an event or run, or a hash"),
    ("payments.account", "the vendor's id of a connected account, which is a business"),
    ("payments.currency", "a code"),
    ("payments.external_id", "the key of a row that is kept, so that money counts once"),
    ("payments.kind", "one of our words"),
    ("payments.raw_status", "one of the vendor's words"),
    ("payments.source", "the name of a connection"),
    ("payments.status", "one of our words"),
    ("push_channels.*", "configuration: the calendar that is pulled"),
    ("reconciled_days.*", "sums"),
    ("reconciliations.*", "counts"),
    ("refetch_requests.entity", "one of our words"),
    ("refetch_requests.external_id", "the key of a row: that of the person's contact goes"),
    ("refetch_requests.source", "the name of a connection"),
    ("refinery_schema_history.*", "names of migrations"),
    ("reset_requests.*", "of people who work with Penstock, and goes after a day"),
    ("revenue_deltas.*", "sums"),
    ("revenue_settings.*", "the name of a zone"),
    ("revenue_sums.*", "sums"),
    ("run_requests.*", "names of connections and entities"),
    ("sessions.*", "of people who work with Penstock: goes when the session is over"),
    ("sign_in_limits.*", "hashes, and goes after a month"),
    ("strange_accounts.*", "the vendor's ids of connected accounts, which are businesses"),
    ("sync_runs.entity", "one of our words"),
    ("sync_runs.error_class", "one of our words"),
    ("sync_runs.mode", "one of our words"),
    ("sync_runs.source", "the name of a connection"),
    ("sync_runs.status", "one of our words"),
    ("sync_runs.unmapped", "the vendor's words"),
    ("sync_state.cursor", "the vendor's token: a place in a list, until the next run"),
    ("sync_state.entity", "one of our words, or configuration"),
    ("sync_state.mode", "one of our words"),
    ("sync_state.page_token", "the vendor's token: a place in a list, until the run ends"),
    ("sync_state.source", "the name of a connection"),
    ("sync_windows.*", "the vendor's tokens: places in lists, until the run ends"),
    ("transaction_attempts.outcome", "one of our words"),
    ("transaction_changes.cause", "one of our words"),
    ("transaction_changes.status", "one of our words"),
    ("transaction_conflicts.cause", "one of our words"),
    ("transaction_conflicts.said", "one of our words"),
    ("transaction_conflicts.status", "one of our words"),
    ("transactions.body_sha256", "a hash"),
    ("transactions.failure", "one of our words"),
    ("transactions.knowledge", "one of our words"),
    ("transactions.sender", "the name of an API key"),
    ("transactions.status", "one of our words"),
    ("users.*", "people who work with Penstock: an admin disables their account"),
    ("vendor_accounts.currency", "a code"),
    ("vendor_accounts.source", "the name of a connection"),
];

#[tokio::test]
async fn each_column_of_text_is_searched_or_has_a_reason_not_to_be() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let sql = "select c.relname::text, a.attname::text from pg_class c join pg_attribute a on a.attrelid = c.oid \
               join pg_type t on t.oid = a.atttypid left join pg_type e on e.oid = t.typelem \
               where c.relkind in ('r', 'p') and not c.relispartition and c.relnamespace = 'public'::regnamespace \
                 and a.attnum > 0 and not a.attisdropped \
                 and coalesce(e.typname, t.typname) in ('text', 'varchar', 'bpchar', 'name', 'bytea', 'json', 'jsonb', 'xml', 'inet', 'tsvector')";
    let rows = client.query(sql, &[]).await.unwrap();
    let columns: BTreeSet<(String, String)> = rows.iter().map(|r| (r.get(0), r.get(1))).collect();
    let sql = "select target, unnest(texts) from erasure_places()";
    let rows = client.query(sql, &[]).await.unwrap();
    let searched: BTreeSet<(String, String)> = rows.iter().map(|r| (r.get(0), r.get(1))).collect();
    let excused = |(table, column): &(String, String)| {
        let names = [format!("{table}.{column}"), format!("{table}.*")];
        NOT_SEARCHED.iter().any(|(name, _)| names.iter().any(|own| own == name))
    };
    let missing: Vec<_> =
        columns.iter().filter(|c| !searched.contains(*c) && !excused(c)).collect();
    assert!(
        missing.is_empty(),
        "erasure_places() has to search them, or they need a reason: {missing:?}"
    );
    let both: Vec<_> = searched.iter().filter(|c| excused(c)).collect();
    assert!(both.is_empty(), "they are searched and need no reason: {both:?}");
    let stale: Vec<_> = searched.iter().filter(|c| !columns.contains(*c)).collect();
    assert!(stale.is_empty(), "they are no columns: {stale:?}");
}

const TEXTS: &[&str] = &[
    r#"{"email":"Anna@Example.com","customer":"cus_12345abc","n":1}"#,
    r#"{"email":"anna\u0040example.com","t":"x\nanna@example.com\tuser-12345"}"#,
    r#"{"t":"\u003canna@example.com\u003e \\ \"anna@example.com\""}"#,
    "name=A&email=anna%40example.com&x=%3Canna%2Bads@example.com%3E&e=anna+b@example.com",
    "mailto:anna@example.com, anna@example.com. -anna@example.com- ..anna@example.com anna@example.com@example.org",
    "joanna@example.com jo.anna@example.com jo%2Banna@example.com anna@example.com.au anna@example.community o'anna@example.com x=anna@example.com",
    "ännä@example.com éanna@example.com (anna@example.com) anna@exämple.com Ünser-12345 user-12345é \u{1f600}user-12345",
    "@ a@ @b a@b a@-b a@b- %4 %zz \\u00 \\u00zz \\",
    "USER-12345 user-12345 user-123456 xuser-12345",
];

#[tokio::test]
async fn the_schema_and_the_domain_find_and_mask_the_same_names() {
    let database = TestDatabase::new().await;
    let client = database.client().await;
    let salt: Vec<u8> = database.scalar("select salt from erasure_settings").await;
    let mut erased = ErasedNames::salted(&salt);
    let names = vec!["email:anna@example.com".to_owned(), "id:user-12345".to_owned()];
    for name in &names {
        let hash: Vec<u8> = client.query_one("select name_hash($1)", &[name]).await.unwrap().get(0);
        assert_eq!(erased.hash(name).as_slice(), hash, "{name}");
        erased.add(&hash);
    }
    let mut hits: BTreeMap<bool, usize> = BTreeMap::new();
    for text in TEXTS {
        let bytes = text.as_bytes();
        let sql = "select array(select distinct n from names_in(erasure_view($1::bytea)) n), erasure_mask($1::bytea, $2)";
        let row = client.query_one(sql, &[&bytes, &names]).await.unwrap();
        let found: Vec<String> = row.get(0);
        assert_eq!(found.into_iter().collect::<BTreeSet<_>>(), names_in(bytes), "{text}");
        let masked = erased.masked(bytes);
        let ours = masked.clone().unwrap_or_else(|| bytes.to_vec());
        let theirs: Vec<u8> = row.get(1);
        assert_eq!(String::from_utf8_lossy(&ours), String::from_utf8_lossy(&theirs), "{text}");
        *hits.entry(masked.is_some()).or_default() += 1;
        assert_eq!(erased.masked(&ours), None, "nothing is left: {text}");
    }
    assert_eq!(hits, BTreeMap::from([(false, 1), (true, 8)]));
    // Bytes that are no text.
    let zero = b"\0 anna@example.com \xff".as_slice();
    let masked: Vec<u8> = client
        .query_one("select erasure_mask($1::bytea, $2)", &[&zero, &names])
        .await
        .unwrap()
        .get(0);
    assert_eq!((masked, erased.masked(zero)), (Vec::new(), Some(Vec::new())));
}
