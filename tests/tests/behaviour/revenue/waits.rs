//! No writer or reader of revenue waits for another one.

use penstock_store::revenue::{rebuild, set_business_zone};
use penstock_testkit::TestDatabase;
use tokio_postgres::Client;

use super::{assert_exact, deltas, fold, payment};
use crate::metrics::upsert;

/// A client whose statements fail where they would wait for a lock.
async fn impatient(database: &TestDatabase) -> Client {
    let client = database.client().await;
    client.batch_execute("set lock_timeout = '60s'").await.unwrap();
    client
}

#[tokio::test]
async fn trap_52_a_writer_of_revenue_waits_for_no_writer_folder_rebuild_or_change_of_zone() {
    let database = TestDatabase::new().await;
    let writer = impatient(&database).await;
    upsert(&writer, &[payment(0), payment(1)]).await;
    let holders = [
        "update payments set amount = amount + 1 where external_id = '0'",
        "select fold_revenue_deltas(1)",
        "select rebuild_revenue_buckets()",
        "select set_business_zone('Asia/Kolkata')",
    ];
    for (round, held) in holders.into_iter().enumerate() {
        let mut holder = database.client().await;
        let open = holder.transaction().await.unwrap();
        open.batch_execute(held).await.unwrap();
        // The same quarter hour: a new payment, a changed one, and one that goes.
        upsert(&writer, &[payment(10 + round), payment(20 + round)]).await;
        let change = format!(
            "update payments set status = 'refunded' where external_id = '1{round}'; \
             delete from payments where external_id = '2{round}'"
        );
        writer.batch_execute(&change).await.unwrap();
        assert_exact(&writer, held).await;
        open.commit().await.unwrap();
        assert_exact(&writer, held).await;
    }
}

#[tokio::test]
async fn a_folder_waits_for_nobody_and_leaves_it_to_another_that_is_at_it() {
    let database = TestDatabase::new().await;
    let on = impatient(&database).await;
    upsert(&on, &[payment(1)]).await;
    for held in [
        "select fold_revenue_deltas(1)",
        "select rebuild_revenue_buckets()",
        "select set_business_zone('Asia/Kolkata')",
    ] {
        let mut holder = database.client().await;
        let open = holder.transaction().await.unwrap();
        open.batch_execute(held).await.unwrap();
        assert_eq!(fold(&on, 10).await, None, "{held}");
        open.rollback().await.unwrap();
    }
    // Of a writer it takes what is committed.
    let mut writer = database.client().await;
    let open = writer.transaction().await.unwrap();
    upsert(open.client(), &[payment(2)]).await;
    assert_eq!(fold(&on, 10).await, Some(1));
    assert_exact(&on, "while a writer is at it").await;
    open.commit().await.unwrap();
    assert_exact(&on, "after the writer").await;
    assert_eq!((fold(&on, 10).await, fold(&on, 10).await), (Some(1), Some(0)));
    assert_exact(&on, "folded").await;
}

#[tokio::test]
async fn a_rebuild_and_a_change_of_zone_wait_for_no_writer() {
    let database = TestDatabase::new().await;
    let on = impatient(&database).await;
    upsert(&on, &[payment(1)]).await;
    let mut writer = database.client().await;
    let open = writer.transaction().await.unwrap();
    upsert(open.client(), &[payment(2)]).await;
    rebuild(&on).await.unwrap();
    assert!(set_business_zone(&on, "Asia/Kolkata").await.unwrap());
    assert_exact(&on, "while a writer is at it").await;
    open.commit().await.unwrap();
    assert_exact(&on, "after the writer").await;
}

#[tokio::test]
async fn a_statement_that_changes_no_revenue_appends_nothing() {
    let database = TestDatabase::new().await;
    let on = database.client().await;
    upsert(&on, &[payment(1), payment(2)]).await;
    fold(&on, 10).await;
    let unmoved = "update payments set raw_status = 'other'; \
                   update payments set occurred_at = occurred_at + interval '14 minutes'; \
                   update payments set external_id = external_id || 'x'; \
                   insert into payments select source, kind, 'p' || external_id, amount, currency, 'pending', raw_status, \
                       occurred_at, version_at, native, version_rank, content_hash, raw, outbox_id, updated_at \
                   from payments; \
                   update payments set amount = 5 where status = 'pending'; \
                   delete from payments where status = 'pending'";
    on.batch_execute(unmoved).await.unwrap();
    assert_eq!(deltas(&on).await, 0);
    // Two payments trade places.
    let trade = "update payments set amount = 3000 - amount, occurred_at = occurred_at - interval '14 minutes'; \
                 update payments set amount = case external_id when '1x' then 1000 else 2000 end; \
                 update payments set amount = 3000 - amount";
    on.batch_execute(trade).await.unwrap();
    assert_eq!(deltas(&on).await, 2, "the last of the three cancels out");
    assert_exact(&on, "at the end").await;
}
