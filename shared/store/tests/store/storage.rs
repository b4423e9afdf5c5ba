//! How rows are stored: what V29 sets for the tables and for each leaf of the outbox.

use penstock_store::migrations::migrate;
use penstock_testkit::TestDatabase;

/// The columns that V29 compresses by lz4, each with how it is compressed: `l` is lz4, and nothing
/// is the server's default.
const LARGE: &str = "
select coalesce(array_agg(distinct attcompression::text), '{}')
from pg_attribute a
join pg_class c on c.oid = a.attrelid
where c.relnamespace = current_schema()::regnamespace and c.relkind in ('r', 'p')
  and (c.relname, a.attname) in (
      ('payments', 'raw'), ('contacts', 'raw'), ('calendar_events', 'raw'), ('leads', 'body'), ('events', 'payload'),
      ('conflicting_events', 'body'), ('dead_letters', 'payload'))
   or c.relname ~ '^outbox(_p|_before|$)' and a.attname = 'payload' and c.relkind in ('r', 'p')";

/// Whether the server was built with lz4.
const HAS_LZ4: &str =
    "select 'lz4' = any (enumvals) from pg_settings where name = 'default_toast_compression'";

/// The leaves of the outbox whose payloads would lie inside their rows.
const INLINE: &str = "
select count(*)
from outbox_leaves l
join pg_class c on c.oid = format('%I', l.name)::regclass
where 'toast_tuple_target=256' <> all (coalesce(c.reloptions, '{}'))";

#[tokio::test]
async fn large_values_are_compressed_by_lz4_where_the_server_has_it() {
    let database = TestDatabase::empty().await;
    migrate(&database.database(2)).await.unwrap();
    let expected = if database.scalar(HAS_LZ4).await { "l" } else { "" };
    assert_eq!(database.scalar::<Vec<String>>(LARGE).await, [expected]);
}

#[tokio::test]
async fn each_leaf_that_is_there_or_made_later_keeps_large_payloads_outside_its_rows() {
    let database = TestDatabase::empty().await;
    migrate(&database.database(2)).await.unwrap();
    let ahead: i32 =
        database.scalar("select make_outbox_leaves(now() + interval '60 days', 2)").await;
    assert_eq!(ahead, 2);
    let leaves: i64 = database.scalar("select count(*) from outbox_leaves").await;
    assert!(leaves > 3, "{leaves}");
    assert_eq!(database.scalar::<i64>(INLINE).await, 0);
}
